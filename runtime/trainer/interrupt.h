/* interrupt.h - a signal that ends the program is kept until the run can be saved; a second one
 * ends it at once. The one global state of the trainer, and only the command line's. */
#ifndef DL_INTERRUPT_H
#define DL_INTERRUPT_H

void dl_interrupt_begin(void);
int dl_interrupted(void); /* the signal's number, or 0 */
void dl_interrupt_end(void);

#endif
