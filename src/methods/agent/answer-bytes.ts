/** Owns the size of answers: one that libvirt does not take would make the agent useless for it. */

/**
 * Most bytes of data in one answer. As base64 they are below the 4 MiB that `virsh qemu-agent-command` takes.
 * After an answer of more than 10 MiB, libvirt talks to the agent no longer.
 */
export const ANSWER_BYTES = 2_883_584;
