/* demand.h - computing only what is read, and only what is not zero anyway. */
#ifndef DLC_DEMAND_H
#define DLC_DEMAND_H

#include "graph.h"

/* Rebuilds what the roots need with smaller extents where elements are never read, or are
 * zero by their guards: what a pool leaves over at the edge is not computed by the
 * convolution before it, nor its gradient by the one after. Overwrites root[], whose values
 * stay as they are. */
void demand(Graph *g, Node **root, int n);

#endif
