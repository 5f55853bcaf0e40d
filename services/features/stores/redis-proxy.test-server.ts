import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a Redis server and counts what passes, as RESP (https://redis.io/docs/latest/develop/reference/protocol-spec). */
export class RedisProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  requests = 0;
  replies = 0;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const redis = connect(port, '127.0.0.1');
      this.#join(client, redis, () => this.requests++);
      this.#join(redis, client, () => this.replies++);
    });
  }

  static async start(port: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  reset(): void {
    this.requests = 0;
    this.replies = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(from: Socket, to: Socket, count: () => void): void {
    this.#sockets.add(from);
    let rest: Buffer = Buffer.alloc(0);
    from.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = valueEnd(rest, 0); end !== undefined; end = valueEnd(rest, 0)) {
        count();
        rest = rest.subarray(end);
      }
      to.write(chunk);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

/** Where the RESP value at `at` ends; undefined if it is not all there. */
function valueEnd(bytes: Buffer, at: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd === -1) return undefined;
  const type = String.fromCharCode(bytes[at]);
  const after = lineEnd + 2;
  const length = Number(bytes.toString('latin1', at + 1, lineEnd));
  if (type === '$') {
    const end = length < 0 ? after : after + length + 2;
    return end <= bytes.length ? end : undefined;
  }
  if (!'*%~>'.includes(type)) return after;
  let end: number | undefined = after;
  const values = type === '%' ? length * 2 : length;
  for (let i = 0; i < values && end !== undefined; i++) end = valueEnd(bytes, end);
  return end;
}
