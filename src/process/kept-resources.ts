/** Collects the descriptors and processes that stay when another program replaces this one. */

type Kept = { fds: Set<number>; children: Set<number> };

let noted: Kept | undefined;

/** Returns the descriptor. Within `collectKept` it also notes that it stays open. */
export function noteDescriptor(fd: number): number {
  noted?.fds.add(fd);
  return fd;
}

/** Notes a child that goes on, within `collectKept`. */
export function noteChild(pid: number): void {
  noted?.children.add(pid);
}

/** Returns the value of `act`, and what was noted meanwhile. */
export function collectKept<Value>(act: () => Value): { value: Value; fds: number[]; children: number[] } {
  const own: Kept = { fds: new Set(), children: new Set() };
  noted = own;
  try {
    return { value: act(), fds: [...own.fds], children: [...own.children] };
  } finally {
    noted = undefined;
  }
}
