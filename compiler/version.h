/* The version of dlc, of its runtime and of everything generated. */
#ifndef DLC_VERSION
#define DLC_VERSION "0.1"
#endif
