import { stat } from 'node:fs/promises';

/** The signature of a file that is not there. */
export const ABSENT = '';

/** What changes when a file is replaced or written to; `ABSENT` where it cannot be looked at. */
export async function fileSignature(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? ABSENT : `${found.ino} ${found.size} ${found.mtimeNs}`;
}
