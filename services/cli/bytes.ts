const KIB = 1024;

/** A number of bytes for people, in KiB or MiB. */
export function sizeText(bytes: number): string {
  return bytes < KIB * KIB ? `${(bytes / KIB).toFixed(1)} KiB` : `${(bytes / KIB / KIB).toFixed(1)} MiB`;
}
