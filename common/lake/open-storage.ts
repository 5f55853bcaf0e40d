import type { LakeConfig } from './config.ts';
import { LocalStorage } from './local-storage.ts';
import type { LakeStorage } from './storage.ts';

/** The storage that the configuration names. */
export function openStorage({ folder }: LakeConfig): LakeStorage {
  return new LocalStorage(folder);
}
