import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLogger } from '../telemetry/log.ts';
import { RpcServer } from './server.ts';

test('a server takes over the socket of one that was killed, but not of one that lives', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  const path = join(folder, 'a.sock');
  const killed = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  expect(spawnSync(process.execPath, ['-e', killed]).signal).toBe('SIGKILL');
  const log = createLogger('test');
  {
    await using first = new RpcServer({ log });
    await first.listen(`unix:${path}`);
    await using second = new RpcServer({ log });
    await expect(second.listen(`unix:${path}`)).rejects.toThrow();
  }
  rmSync(folder, { recursive: true });
});
