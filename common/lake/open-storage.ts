import { join } from 'node:path';
import type { LakeConfig } from './config.ts';
import { LocalStorage } from './local-storage.ts';
import type { LakeStorage } from './storage.ts';

/** The storage that the configuration names. Amazon's SDK is loaded only where it is needed. */
export async function openStorage({ folder, s3 }: LakeConfig): Promise<LakeStorage> {
  if (s3 === undefined) return new LocalStorage(folder);
  const { S3Storage } = await import('./s3-storage.ts');
  return new S3Storage(s3, join(folder, 'fetched'));
}
