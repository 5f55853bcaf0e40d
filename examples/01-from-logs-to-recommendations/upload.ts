import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** Copies the files under a folder to `s3://BUCKET/PREFIX`, with what the AWS SDK finds in the environment. */
const [folder, uri = ''] = process.argv.slice(2);
const [, Bucket, prefix] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
if (folder === undefined || Bucket === undefined)
  throw new Error('usage: upload.ts FOLDER s3://BUCKET/PREFIX');
const client = new S3Client({
  forcePathStyle: process.env.AWS_ENDPOINT_URL_S3 !== undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
  entry.isFile(),
);
for (const { parentPath, name } of files) {
  const path = join(parentPath, name);
  const Key = `${prefix}${path.slice(folder.length)}`;
  await client.send(new PutObjectCommand({ Bucket, Key, Body: await readFile(path) }));
}
process.stdout.write(`${files.length} files are in ${uri}\n`);
