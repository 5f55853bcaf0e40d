import { appendFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { diskFiles, type LogFiles } from '../../../common/log/log-files.ts';
import type { Random } from '../../../common/random.ts';

/** The disk, noting in a journal what a power failure would leave: how much of each file, and which names. */
export function journalled(journal: string): LogFiles {
  const note = (line: readonly (string | number)[]): void => appendFileSync(journal, `${line.join(' ')}\n`);
  return {
    sync: async (path: string, file: FileHandle) => {
      const { size } = await file.stat();
      await diskFiles.sync(path, file);
      note(['size', basename(path), size]);
    },
    syncDirectory: async (dir: string) => {
      const names = await readdir(dir);
      await diskFiles.syncDirectory(dir);
      for (const name of names) note(['name', name]);
    },
  };
}

/** A disk that says it has synced and has not. */
export const lyingFiles: LogFiles = { sync: async () => {}, syncDirectory: async () => {} };

/**
 * Leaves in the log's folder what a power failure could: files whose names were not synced are gone, and of what was written
 * behind the last sync a random part stays, goes or is zeros. All that write there are dead. Answers how many bytes went.
 */
export async function forgetUnsynced(folder: string, journal: string, random: Random): Promise<number> {
  const sizes = new Map<string, number>();
  const names = new Set<string>();
  for (const line of (await readFile(journal, 'utf8')).split('\n')) {
    const [what, name, size] = line.split(' ');
    if (what === 'size') sizes.set(name, Math.max(sizes.get(name) ?? 0, Number(size)));
    else if (what === 'name') names.add(name);
  }
  let gone = 0;
  const left: string[] = [];
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.log'))) {
    const path = join(folder, name);
    const { size } = await stat(path);
    if (names.has(name)) {
      gone += await forgetTail(path, size, sizes.get(name) ?? 0, random);
      left.push(`name ${name}`, `size ${name} ${(await stat(path)).size}`);
    } else {
      await rm(path);
      gone += size;
    }
  }
  await writeFile(journal, `${left.join('\n')}\n`);
  return gone;
}

async function forgetTail(path: string, size: number, synced: number, random: Random): Promise<number> {
  if (size <= synced) return 0;
  const kept = synced + (random.int(2) === 0 ? 0 : random.int(size - synced));
  const file = await open(path, 'r+');
  try {
    await file.truncate(kept);
    if (random.int(3) === 0) await file.truncate(size);
  } finally {
    await file.close();
  }
  return size - kept;
}
