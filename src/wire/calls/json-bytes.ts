/** Measures values that a peer has sent. */
/** Returns how many bytes a value has as JSON, about; 0 for undefined. */
export function countBytes(params: unknown): number {
  return params === undefined ? 0 : JSON.stringify(params).length;
}
