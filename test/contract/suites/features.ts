import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { pause } from '../../../common/clock.ts';
import { firstNonFinite } from '../../../common/columns.ts';
import { Code } from '../../../common/errors.ts';
import { type Call, rootCall } from '../../../common/rpc/call.ts';
import { contracts, type FeaturesService } from '../../../common/rpc/services.ts';
import { anonymousUser, decodeUser } from '../../../common/user-state.ts';
import {
  Item,
  User,
  UserStatePart,
  type WatchCatalogueRequest,
} from '../../../gen/millrace/features/v1/features.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call, type World } from '../world.ts';
import { boundarySuite } from './boundary.ts';

const WATCHER_DELAY_MS = 30;

/** An id that no other run uses, since a catalogue keeps what a suite writes. */
function freshId(): string {
  return `contract-${randomUUID()}`;
}

/** Requests whose answers must not depend on the transport. */
export function featuresRequests(world: World): Parameters<FeaturesService['getUserState']>[0][] {
  const ids = Array.from({ length: Math.min(10, world.itemCount) }, (_, row) => `user-${row}`);
  return [...ids, 'nobody'].map((userId) => ({ userId, earlierIds: [], parts: [], asOf: 0 }));
}

/** What a features service does: users' states, and the one catalogue. It writes users and items with ids `contract-...`. */
export function featuresSuite(target: Target<FeaturesService>): void {
  const { client } = target;

  describe(target.name, () => {
    userTests(target);
    itemTests(target);
    refusalTests(target);
    streamTests(target);
    boundarySuite(target, {
      contract: contracts.features,
      method: 'getUserState',
      ask: (asked: Call) =>
        client.getUserState({ userId: 'contract', earlierIds: [], parts: [], asOf: 0 }, asked),
    });
  });
}

function userTests(target: Target<FeaturesService>): void {
  const { client } = target;
  const stateOf = async (
    userId: string,
    fields: { parts?: UserStatePart[]; asOf?: number; earlierIds?: string[] } = {},
  ) => client.getUserState({ userId, earlierIds: [], parts: [], asOf: 0, ...fields }, call());

  test('an unknown user has an empty state', async () => {
    const userId = freshId();
    const { state, offset } = await stateOf(userId);
    const user = decodeUser(state);
    expect(user).toEqual({ ...anonymousUser, id: userId, offset, shown: user.shown });
    expect(user.shown?.items ?? []).toHaveLength(0);
  });

  test('attributes hold from the offset that their write answered', async () => {
    const user = User.fromPartial({ id: freshId(), attributes: { age: { number: 41 } } });
    const { offset } = await client.upsertUsers({ users: [user] }, call());
    const { state, offset: folded } = await stateOf(user.id, { asOf: offset });
    expect(folded).toBeGreaterThanOrEqual(offset);
    expect(decodeUser(state).profile).toEqual({ age: expect.objectContaining({ number: 41 }) });
    const { state: seenOnly } = await stateOf(user.id, { parts: [UserStatePart.USER_STATE_PART_SEEN] });
    expect(decodeUser(seenOnly).profile).toEqual({});
  });

  test('what earlier names are known for is part of the state, which bears the name asked for', async () => {
    const [earlier, name] = [freshId(), freshId()];
    const user = User.fromPartial({ id: earlier, attributes: { age: { number: 41 } } });
    const { offset } = await client.upsertUsers({ users: [user] }, call());
    const { state } = await stateOf(name, { asOf: offset, earlierIds: [freshId(), earlier] });
    expect(decodeUser(state)).toMatchObject({ id: name, profile: { age: { number: 41 } } });
    const { state: alone } = await stateOf(name);
    expect(decodeUser(alone).profile).toEqual({});
  });

  test('an offset that the log has not reached is waited for, within the deadline', async () => {
    const { offset } = await stateOf('contract');
    const request = { userId: 'contract', earlierIds: [], parts: [], asOf: offset + 1_000_000 };
    const waiting = client.getUserState(request, rootCall({ timeoutMs: 100 }));
    await expectRefusal(target, waiting, Code.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED');
  });

  test.each([
    ['empty', ''],
    ['of 257 bytes', 'x'.repeat(257)],
  ])('a user id that is %s is refused', async (_, userId) => {
    await expectRefusal(target, stateOf(userId), Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    const amongOthers = stateOf('contract', { earlierIds: ['known', userId] });
    await expectRefusal(target, amongOthers, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    await stateOf('contract');
  });
}

function itemTests({ client }: Target<FeaturesService>): void {
  const resolve = async (itemIds: string[], ordinals: number[] = []) =>
    (await client.resolve({ itemIds, ordinals }, call())).items;

  test('an item gets an ordinal for ever: replaced, deleted and added again', async () => {
    const item = Item.fromPartial({ id: freshId(), title: 'One' });
    const added = await client.upsertItems({ items: [item], expectedEpoch: 0 }, call());
    const [ordinal] = added.ordinals;
    expect(await resolve([item.id], [ordinal])).toEqual([
      expect.objectContaining({ ordinal, item: expect.objectContaining({ title: 'One' }) }),
      expect.objectContaining({ ordinal, item: expect.objectContaining({ id: item.id }) }),
    ]);
    const renamed = { ...item, title: 'Two' };
    const replaced = await client.upsertItems({ items: [renamed], expectedEpoch: added.epoch }, call());
    expect([replaced.ordinals, replaced.epoch > added.epoch]).toEqual([[ordinal], true]);
    const { epoch } = await client.deleteItems({ itemIds: [item.id] }, call());
    expect(epoch).toBeGreaterThan(replaced.epoch);
    for (const { item: gone } of await resolve([item.id], [ordinal])) expect(gone).toBeUndefined();
    const again = await client.upsertItems({ items: [item], expectedEpoch: 0 }, call());
    expect(again.ordinals).toEqual([ordinal]);
  });

  test('a block holds until it is taken back', async () => {
    const item = Item.fromPartial({ id: freshId() });
    await client.upsertItems({ items: [item], expectedEpoch: 0 }, call());
    await client.block({ itemIds: [item.id], reason: 'contract', untilMs: 0 }, call());
    expect((await resolve([item.id]))[0].blocked).toBe(true);
    await client.unblock({ itemIds: [item.id] }, call());
    expect((await resolve([item.id]))[0].blocked).toBe(false);
  });
}

function refusalTests(target: Target<FeaturesService>): void {
  const { client } = target;

  test('an epoch that has passed is ABORTED', async () => {
    const item = Item.fromPartial({ id: freshId() });
    const { epoch } = await client.upsertItems({ items: [item], expectedEpoch: 0 }, call());
    const late = client.upsertItems({ items: [item], expectedEpoch: epoch + 1 }, call());
    await expectRefusal(target, late, Code.ABORTED, 'EPOCH_MISMATCH');
  });

  test('one bad item refuses the whole call', async () => {
    const [good, bad] = [Item.fromPartial({ id: freshId() }), Item.fromPartial({ id: '' })];
    const answer = client.upsertItems({ items: [good, bad], expectedEpoch: 0 }, call());
    await expectRefusal(target, answer, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    const { items } = await client.resolve({ itemIds: [good.id], ordinals: [] }, call());
    expect(items[0].item).toBeUndefined();
  });

  test('a user without an id, and no users at all, are refused', async () => {
    for (const users of [[], [User.fromPartial({ id: '' })]]) {
      const answer = client.upsertUsers({ users }, call());
      await expectRefusal(target, answer, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    }
  });

  test('ids that are not in the catalogue are NOT_FOUND, and no items at all INVALID_ARGUMENT', async () => {
    const itemIds = [freshId()];
    for (const answer of [
      client.deleteItems({ itemIds }, call()),
      client.block({ itemIds, reason: '', untilMs: 0 }, call()),
      client.unblock({ itemIds }, call()),
    ])
      await expectRefusal(target, answer, Code.NOT_FOUND, 'ITEM_UNKNOWN');
    const none = client.upsertItems({ items: [], expectedEpoch: 0 }, call());
    await expectRefusal(target, none, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
  });
}

function streamTests({ client }: Target<FeaturesService>): void {
  test('a change is known to every watcher when its write returns', async () => {
    const { epoch: from } = await client.resolve({ itemIds: [], ordinals: [] }, call());
    const watcher = new SlowWatcher(client, from);
    await watcher.connected;
    const item = Item.fromPartial({ id: freshId() });
    const { epoch, ordinals } = await client.upsertItems({ items: [item], expectedEpoch: 0 }, call());
    expect(watcher.epoch).toBeGreaterThanOrEqual(epoch);
    expect([...watcher.ordinals]).toContain(ordinals[0]);
    watcher.stop();
  });

  test('a snapshot holds the items in the order of their ordinals', async () => {
    const item = Item.fromPartial({ id: freshId() });
    const { ordinals, epoch: written } = await client.upsertItems(
      { items: [item], expectedEpoch: 0 },
      call(),
    );
    const found: number[] = [];
    for await (const { items, epoch, size, lineage } of client.snapshotCatalogue({}, call())) {
      expect(epoch).toBeGreaterThanOrEqual(written);
      expect(lineage).not.toBe('');
      for (const { ordinal } of items) expect(ordinal).toBeLessThan(size);
      found.push(...items.map(({ ordinal }) => ordinal));
    }
    expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
    expect(found).toContain(ordinals[0]);
  });

  test('item counters begin with a whole version', async () => {
    const controller = new AbortController();
    const watching = rootCall({ signal: controller.signal, timeoutMs: 10_000 });
    for await (const { counters, complete } of client.watchItemCounters({ version: 0 }, watching)) {
      expect(complete).toBe(true);
      for (const [name, values] of counters.columns) {
        expect(name).toMatch(/^count\./);
        expect(firstNonFinite(values)).toBe(-1);
      }
      break;
    }
    controller.abort();
  });
}

/** Follows the catalogue and takes its time before it acknowledges. */
class SlowWatcher {
  /** Answers when the watcher has been told where it stands. */
  readonly connected: Promise<void>;
  /** Applied. */
  epoch: number;
  /** Of the items that changed. */
  readonly ordinals = new Set<number>();
  readonly #stopping = new AbortController();
  readonly #acknowledgements: WatchCatalogueRequest[];
  #wake = (): void => {};

  constructor(client: FeaturesService, from: number) {
    this.epoch = from;
    this.#acknowledgements = [{ epoch: from, watcher: 'contract' }];
    this.connected = new Promise((resolve, reject) => {
      this.#follow(client, resolve).catch(reject);
    });
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake();
  }

  async #follow(client: FeaturesService, connected: () => void): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for await (const { changes, epoch } of client.watchCatalogue(this.#requests(), rootCall({ signal }))) {
        await pause(WATCHER_DELAY_MS);
        for (const { ordinal } of changes) this.ordinals.add(ordinal);
        this.epoch = epoch;
        this.#acknowledgements.push({ epoch, watcher: '' });
        this.#wake();
        connected();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async *#requests(): AsyncIterable<WatchCatalogueRequest> {
    while (!this.#stopping.signal.aborted) {
      const next = this.#acknowledgements.shift();
      if (next !== undefined) yield next;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
