import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { checkAttributes, itemChanges, upsertChanges } from '../../common/catalogue/writer.ts';
import { systemClock } from '../../common/clock.ts';
import { fieldError } from '../../common/errors.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import { checkId } from '../../common/ids.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { contracts, type FeaturesService, type LoggingService } from '../../common/rpc/services.ts';
import { type Component, type Environment, served } from '../../common/service.ts';
import { namedUser } from '../../common/users/friends.ts';
import { ResolvedItem, type User } from '../../gen/millrace/features/v1/features.ts';
import { featuresSchema, LIST_MAX, userLimits } from './config.ts';
import { counterVersions } from './counter-stream.ts';
import { FollowedFold } from './followed-fold.ts';
import { itemBytesMax, MESSAGE_BYTES_MAX } from './item-bytes.ts';
import { openStore } from './stores/open.ts';
import { getUserState } from './user-states.ts';
import { Writer } from './writer.ts';

const SNAPSHOT_PAGE = 1_000;

/** The features service: users' state, and the one writer of the catalogue. */
export async function createFeatures(
  { config: source, log }: Environment,
  { logging }: { logging: LoggingService },
): Promise<Component & { implementation: FeaturesService }> {
  const config = source.section('features', featuresSchema);
  const limits = userLimits(config, source.section('filtering', filteringSchema));
  const opened = await openStore(config, { home: source.home, limits, log });
  const followed = new FollowedFold({ ...opened, logging, config, log });
  const { catalogue } = followed.fold;
  const writer = new Writer(followed, logging);
  const pseudonyms = Pseudonyms.open(source);
  const stopping = new AbortController();
  const following = pseudonyms.follow(log, stopping.signal);
  const implementation: FeaturesService = {
    getUserState: (request, call) => getUserState({ followed, store: opened.store }, request, call),
    upsertUsers: async ({ users }, call) => {
      checkUsers(users);
      return { offset: await writer.writeUsers(pseudonymised(users, pseudonyms), call) };
    },
    upsertItems: async ({ items, expectedEpoch }, call) => {
      const { epoch, changes } = await writer.write(
        () => upsertChanges(catalogue, items),
        expectedEpoch,
        call,
      );
      return { epoch, ordinals: changes.map(({ ordinal }) => ordinal) };
    },
    deleteItems: ({ itemIds }, call) =>
      writer.write(() => itemChanges(catalogue, itemIds, { delete: {} }), 0, call).then(epochOf),
    block: ({ itemIds, reason, untilMs }, call) => {
      if (untilMs < 0) throw fieldError('until_ms', `${untilMs} is before 1970`);
      return writer
        .write(() => itemChanges(catalogue, itemIds, { block: { reason, untilMs } }), 0, call)
        .then(epochOf);
    },
    unblock: ({ itemIds }, call) =>
      writer.write(() => itemChanges(catalogue, itemIds, { unblock: {} }), 0, call).then(epochOf),
    resolve: async ({ itemIds, ordinals }, call) => {
      if (itemIds.length + ordinals.length > LIST_MAX)
        throw fieldError('item_ids', `${itemIds.length + ordinals.length} entries; at most ${LIST_MAX}`);
      await followed.untilCaughtUp(call);
      const items = [
        ...itemIds.map((id) => resolvedItem(catalogue, catalogue.ordinalOf(id))),
        ...ordinals.map((ordinal) => resolvedItem(catalogue, ordinal)),
      ];
      return { items, epoch: catalogue.epoch };
    },
    watchCatalogue: async function* (requests, call) {
      await followed.untilCaughtUp(call);
      yield* followed.watchers.watch(requests, call.signal);
    },
    snapshotCatalogue: async function* (_, call) {
      await followed.untilCaughtUp(call);
      yield* cataloguePages(catalogue, call.signal);
    },
    watchItemCounters: async function* ({ version }, call) {
      await followed.untilCaughtUp(call);
      yield* counterVersions(followed.fold.counters, version, config.countersIntervalMs, call.signal);
    },
  };
  return {
    implementation,
    services: [served(contracts.features, implementation)],
    watchServing: (changed) => followed.start(changed),
    close: async () => {
      stopping.abort();
      await Promise.all([following, followed.close()]);
    },
  };
}

function checkUsers(users: readonly User[]): void {
  if (users.length === 0 || users.length > LIST_MAX)
    throw fieldError('users', `${users.length} users; 1 to ${LIST_MAX} are allowed`);
  for (const [i, { id, attributes }] of users.entries()) {
    checkId(id, `users[${i}].id`);
    checkAttributes(attributes, `users[${i}].attributes`);
  }
}

function pseudonymised(users: readonly User[], pseudonyms: Pseudonyms): User[] {
  const nowMs = systemClock.nowMs();
  return users.map((user) => namedUser(user, (id) => pseudonyms.at(id, nowMs)));
}

function epochOf({ epoch }: { epoch: number }): { epoch: number } {
  return { epoch };
}

function resolvedItem(catalogue: Catalogue, ordinal: number | undefined): ResolvedItem {
  if (ordinal === undefined || catalogue.item(ordinal) === undefined) return ResolvedItem.fromPartial({});
  return catalogue.resolved(ordinal);
}

/** An item changed while the pages are sent may come in its later form; the changes after `epoch` make it so everywhere. */
async function* cataloguePages(
  catalogue: Catalogue,
  signal: AbortSignal,
): ReturnType<FeaturesService['snapshotCatalogue']> {
  const { epoch, lineage, size } = catalogue;
  let items: ResolvedItem[] = [];
  let bytes = 0;
  for (let ordinal = 0; ordinal < size && !signal.aborted; ordinal++) {
    const item = catalogue.item(ordinal);
    if (item === undefined) continue;
    bytes += itemBytesMax(item);
    if (items.length === SNAPSHOT_PAGE || bytes > MESSAGE_BYTES_MAX) {
      yield { epoch, lineage, size, items };
      items = [];
      bytes = itemBytesMax(item);
    }
    items.push(catalogue.resolved(ordinal));
  }
  yield { epoch, lineage, size, items };
}
