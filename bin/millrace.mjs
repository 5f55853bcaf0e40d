#!/usr/bin/env node
// Plain JavaScript: runs before any dependency is there.
import { existsSync } from 'node:fs';

const cli = new URL('../dist/cli.js', import.meta.url);
if (!existsSync(cli)) {
  const { bootstrap, orExit } = await import('../scripts/bootstrap.mjs');
  await orExit(bootstrap);
}
// The SDK's version is pinned: its warning about later ones would come before every answer about a lake.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
await import(cli.href);
