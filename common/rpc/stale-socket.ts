import { rm } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the socket file of an address `unix:path` if no one listens at it any more, as after a crash: it would refuse the next
 * server. Other addresses are left alone.
 */
export async function removeStaleSocket(address: string): Promise<void> {
  if (!address.startsWith('unix:')) return;
  const path = address.replace(/^unix:(\/\/(?=\/))?/, '');
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (isStale) await rm(path, { force: true });
}
