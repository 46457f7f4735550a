/** By what a request is known again, without keeping it. */
import type { Request } from "../message.ts";

/**
 * A number that two requests share when they ask for the same: the method and the parameters, their members in the same
 * order. Others share it by a chance of one in 2⁵³, or because somebody made them so; who can do that fools only itself.
 */
export function fingerprint({ method, params }: Pick<Request, "method" | "params">): number {
  const text = JSON.stringify([method, params]);
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, FACTORS.low);
    high = Math.imul(high ^ unit, FACTORS.high);
    low ^= low >>> 15;
    high ^= high >>> 13;
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** Large odd numbers of no further meaning: a multiplication by them spreads a bit over those above it. */
const FACTORS = { low: 0x85ebca77, high: 0xc2b2ae3d };
