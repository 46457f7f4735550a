/**
 * Bounds the memory that all peers together can make this process keep. When it is used up, the peer that
 * holds most gives way: an unfinished message is dropped, a call fails, or a kept answer is forgotten.
 */

/** The memory of all peers. */
export type Memory = {
  /** The bytes that peers hold now. */
  readonly bytes: number;
  /** Sets how many bytes all peers together may hold. */
  limit: (bytes: number) => void;
  /** Returns the share of one more peer. It holds nothing. */
  open: () => MemoryShare;
};

/** The memory of one peer. All its links and calls have the same share. */
export type MemoryShare = {
  readonly bytes: number;
  /**
   * Holds memory that can be given back. `giveWay` is called when this peer holds most and all peers hold too
   * much: it has to `resize` the holding to fewer bytes. It must not throw.
   */
  hold: (giveWay: () => void) => Holding;
  /**
   * Takes memory that stays until `give`. Returns false if there is not enough. All peers together can take
   * half of the memory, and each peer some in any case.
   */
  take: (bytes: number) => boolean;
  /** Gives back what `take` or `charge` took. */
  give: (bytes: number) => void;
  /** Takes memory that stays until `give`, whether or not there is enough. */
  charge: (bytes: number) => void;
  /** Whether all peers together could take more. */
  readonly isRoomy: boolean;
};

/** Memory of one kind that one peer holds. */
export type Holding = {
  readonly bytes: number;
  /** Changes its size. Returns false if it had to give way itself; then it holds nothing. */
  resize: (bytes: number) => boolean;
};

/** Each peer can take so much in any case, so that the calls of others do not stop its own small ones. */
const SURE_BYTES = 64 * 1024;

type Share = { bytes: number; pinned: number; holdings: Set<HeldMemory> };
type HeldMemory = { bytes: number; giveWay: () => void };

/** Creates memory of which nothing is held. */
export function createMemory(limitBytes: number): Memory {
  let mostBytes = limitBytes;
  let bytes = 0;
  let pinned = 0;
  /** The shares that hold something that can be given back. */
  const yielding = new Set<Share>();

  const change = (share: Share, by: number): void => {
    share.bytes += by;
    bytes += by;
  };

  const release = (share: Share, holding: HeldMemory): void => {
    change(share, -holding.bytes);
    holding.bytes = 0;
    share.holdings.delete(holding);
    if (share.holdings.size === 0) yielding.delete(share);
  };

  const makeRoom = (): void => {
    for (;;) {
      const share = bytes > mostBytes ? largest(yielding) : undefined;
      const holding = share && largest(share.holdings);
      if (share === undefined || holding === undefined) return;
      const before = holding.bytes;
      holding.giveWay();
      // A holding that does not give way counts as free, or this would go on without end.
      if (holding.bytes >= before) release(share, holding);
    }
  };

  const hold = (share: Share, giveWay: () => void): Holding => {
    const holding: HeldMemory = { bytes: 0, giveWay };
    return {
      get bytes() {
        return holding.bytes;
      },
      resize(wanted) {
        if (wanted === 0) {
          if (holding.bytes > 0) release(share, holding);
          return true;
        }
        if (holding.bytes === 0) {
          share.holdings.add(holding);
          yielding.add(share);
        }
        change(share, wanted - holding.bytes);
        holding.bytes = wanted;
        if (bytes > mostBytes) makeRoom();
        return holding.bytes > 0;
      },
    };
  };

  const charge = (share: Share, by: number): void => {
    share.pinned += by;
    pinned += by;
    change(share, by);
    if (by > 0) makeRoom();
  };

  return {
    get bytes() {
      return bytes;
    },
    limit(most) {
      mostBytes = most;
      makeRoom();
    },
    open() {
      const share: Share = { bytes: 0, pinned: 0, holdings: new Set() };
      return {
        get bytes() {
          return share.bytes;
        },
        get isRoomy() {
          return pinned < mostBytes / 2;
        },
        hold: (giveWay) => hold(share, giveWay),
        take(wanted) {
          if (pinned + wanted > mostBytes / 2 && share.pinned + wanted > SURE_BYTES) return false;
          charge(share, wanted);
          return true;
        },
        give: (given) => charge(share, -given),
        charge: (taken) => charge(share, taken),
      };
    },
  };
}

/** A peer without a share of the memory of all. */
export function createOwnMemory(): MemoryShare {
  return createMemory(Number.POSITIVE_INFINITY).open();
}

function largest<Sized extends { readonly bytes: number }>(all: Iterable<Sized>): Sized | undefined {
  let found: Sized | undefined;
  for (const one of all) if (found === undefined || one.bytes > found.bytes) found = one;
  return found;
}
