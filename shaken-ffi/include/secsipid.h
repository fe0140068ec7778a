/* The C interface of libsecsipid, as this library has it: include this file.
 *
 * Copyright The shaken authors. Licensed under MIT or Apache-2.0. */
#ifndef SECSIPID_H
#define SECSIPID_H

#include "libsecsipid.h"

/* 1.3.0, whose interface this is: 0xAABBCC00 for AA.BB.CC. */
#define SECSIPID_VERSION 0x1030000

#endif
