/* SPDX-License-Identifier: MIT */
#ifndef TZ_SESSION_H
#define TZ_SESSION_H

/*
 * A tazpod that runs in a pod, by the engine's exec.  Engines leave it running
 * when their client is killed, as with its terminal: nobody could ever type
 * into it again, and its lease would last for ever.  So somebody watches.
 */

#include "tools/pod/pod.h"

/*
 * Run tazpod in the pod with arguments, the first of which is the command, in
 * this one's place (child.h), and when this process or the engine's is killed
 * meanwhile, have that tazpod hang up.  Returns its exit status, or why it was
 * not run, which has been said.  arguments are released.
 */
enum exit_code session_run(const struct pod *p, struct args *arguments);

#endif
