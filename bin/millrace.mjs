#!/usr/bin/env node
// Plain JavaScript: runs before any dependency is there.
import { existsSync } from 'node:fs';

const cli = new URL('../dist/cli.js', import.meta.url);
if (!existsSync(cli)) {
  const { bootstrap, orExit } = await import('../scripts/bootstrap.mjs');
  await orExit(bootstrap);
}
await import(cli.href);
