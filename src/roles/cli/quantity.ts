/** Formats quantities for people, in few columns. */

/** Returns a time such as `12 s`, `5 min`, `3 h` or `12 d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** Returns a number of bytes such as `999`, `1.2k`, `33M` or `5.1G`, in powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["", "k", "M", "G", "T"]) {
    if (value < 999.5 || unit === "T")
      return `${unit !== "" && value < 9.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
    value /= 1000;
  }
  return String(bytes);
}

/** Returns a short time such as `0.4 ms`, `12 ms` or `1.5 s`. */
export function formatRoundTrip(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
