import { type Call, untilDeadline } from '../../common/rpc/call.ts';

/** An offset that only grows, and those who wait for it. */
export class OffsetGate {
  #offset: number;
  readonly #waiting = new Set<{ offset: number; resolve: () => void }>();

  constructor(offset: number) {
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  advance(offset: number): void {
    this.#offset = Math.max(this.#offset, offset);
    for (const waiter of this.#waiting) if (waiter.offset <= this.#offset) waiter.resolve();
  }

  /** Answers when the offset is reached; DEADLINE_EXCEEDED if that takes too long. */
  async until(offset: number, call: Call): Promise<void> {
    if (this.#offset >= offset) return;
    let waiter: { offset: number; resolve: () => void } | undefined;
    const reached = new Promise<void>((resolve) => {
      waiter = { offset, resolve };
      this.#waiting.add(waiter);
    });
    await untilDeadline(reached, call).finally(() => this.#waiting.delete(waiter as never));
  }
}
