import { join } from 'node:path';
import { type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { UsageError } from './bench.ts';
import { readText } from './files.ts';

/** A split of users' items: three matrices with the same rows and columns. */
export interface ItemLists {
  readonly train: InteractionMatrix;
  readonly valid: InteractionMatrix;
  readonly test: InteractionMatrix;
}

/**
 * Reads `train|valid|test.txt[.gz]` of a folder: a user and the items that they took up a line, any tokens, blank-separated. A
 * user may have several lines or none in a part. Ids become ordinals in order, numeric where all ids are whole numbers.
 */
export function readItemLists(folder: string): ItemLists {
  const parts = (['train', 'valid', 'test'] as const).map((name) => pairsOf(join(folder, `${name}.txt`)));
  const users = ordinals(parts.map((part) => part.users));
  const items = ordinals(parts.map((part) => part.items));
  const [train, valid, test] = parts.map((part) =>
    interactionMatrix(
      {
        users: Uint32Array.from(part.users, (id) => users.get(id)!),
        items: Uint32Array.from(part.items, (id) => items.get(id)!),
      },
      users.size,
      items.size,
    ),
  );
  for (const [name, { columns }] of Object.entries({ train, test }))
    if (columns.length === 0) throw new UsageError(`${join(folder, name)}.txt: no interactions`);
  train.weights.fill(1);
  return { train, valid, test };
}

function pairsOf(path: string): { users: string[]; items: string[] } {
  const users: string[] = [];
  const items: string[] = [];
  for (const line of readText(path).split('\n')) {
    const [user, ...taken] = line.trim().split(/\s+/);
    for (const item of taken) {
      users.push(user);
      items.push(item);
    }
  }
  return { users, items };
}

/** Ordinals of all ids of the columns in order of id: numeric where all ids are whole numbers, else as text. */
export function ordinals(columns: readonly string[][]): Map<string, number> {
  const ids = [...new Set(columns.flat())];
  const numeric = ids.every((id) => /^\d{1,15}$/.test(id));
  ids.sort(numeric ? (a, b) => Number(a) - Number(b) : undefined);
  return new Map(ids.map((id, ordinal) => [id, ordinal]));
}
