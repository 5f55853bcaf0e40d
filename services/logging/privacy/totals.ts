import { randomInt } from 'node:crypto';
import { sqlText } from '../../../common/lake/duck-db.ts';
import type { Lake } from '../../../common/lake/lake.ts';
import type { LakeColumns, ValueColumn } from '../../../common/lake/lake-columns.ts';
import { OTHER_ACTIONS } from '../../../common/lake/schema.ts';
import { TREE_LEAVES } from '../../../common/privacy/quantile-tree.ts';
import { type Labels, labelsOf } from './labels.ts';
import type { AmountGrid } from './plan.ts';
import type { PrivateQuery } from './query.ts';

/** Exact totals of one group over what counts of its users. */
export interface GroupTotals {
  readonly users: number;
  readonly count: number;
  /** See `AmountGrid`; 0 where nothing is summed. */
  readonly steps: number;
  /** Events by bucket of a histogram or leaf of a quantile tree. */
  readonly byBucket: ReadonlyMap<number, number>;
}

/** Between the texts of a list; no id has it. */
const SEPARATOR = '\u001e';
const USERS_BUCKET = -1;
const SALT_MAX = 2 ** 47;
/** Parts of a step that single events are rounded to: sums of whole numbers do not depend on their order. */
const PARTS_PER_STEP = 2 ** 16;
/** Totals are clamped to this, which moves with a user no more than they do; noise is added to them exactly. */
const STEPS_TOTAL_MAX = 2 ** 52;

/**
 * Totals by group with every user's part in them bounded: of a user count at most `groups` groups, drawn at random, and in each at
 * most `perGroup` events: of histograms and quantiles drawn at random, of the others by their mean. What counts of a user
 * depends on that user's own events and `salt` alone, not on where in the log they are.
 */
export async function totalsOf(
  lake: Lake,
  query: PrivateQuery,
  amounts: AmountGrid | undefined,
  { signal, salt = randomInt(SALT_MAX) }: { signal?: AbortSignal; salt?: number } = {},
): Promise<Map<string, GroupTotals>> {
  const labels = await labelsOf(lake, query);
  const sql = new TotalsSql(query, labels, salt);
  const isBucketed = query.statistic === 'histogram' || query.statistic === 'quantiles';
  const text = isBucketed ? sql.buckets() : sql.sums(amounts);
  const rows = await lake.query(text, sql.parameters, signal);
  return isBucketed ? bucketTotals(rows) : sumTotals(rows);
}

function sumTotals(rows: LakeColumns): Map<string, GroupTotals> {
  const keys = rows.column('grp') as ValueColumn;
  const [users, counts, steps] = ['users', 'n', 'steps'].map((name) => rows.numbers(name));
  return new Map(
    keys.map((key, i) => [
      key as string,
      { users: users[i], count: counts[i], steps: steps[i], byBucket: new Map() },
    ]),
  );
}

function bucketTotals(rows: LakeColumns): Map<string, GroupTotals> {
  const keys = rows.column('grp') as ValueColumn;
  const [buckets, counts] = ['bucket', 'n'].map((name) => rows.numbers(name));
  const groups = new Map<string, { users: number; byBucket: Map<number, number> }>();
  for (const [i, key] of keys.entries()) {
    const group = groups.get(key as string) ?? { users: 0, byBucket: new Map() };
    groups.set(key as string, group);
    if (buckets[i] === USERS_BUCKET) group.users = counts[i];
    else group.byBucket.set(buckets[i], counts[i]);
  }
  return new Map([...groups].map(([key, group]) => [key, { ...group, count: 0, steps: 0 }]));
}

/** The statement that makes totals; DuckDB's dialect. */
class TotalsSql {
  /** What `?` stands for, in order. */
  readonly parameters: string[] = [];
  readonly #query: PrivateQuery;
  readonly #labels: Labels | undefined;
  readonly #salt: number;

  constructor(query: PrivateQuery, labels: Labels | undefined, salt: number) {
    this.#query = query;
    this.#labels = labels;
    this.#salt = salt;
  }

  /** Users, events and steps by group. */
  sums(amounts: AmountGrid | undefined): string {
    const { perGroup } = this.#query.contribution;
    const [parts, steps] = amounts === undefined ? ['0', '0'] : this.#amounts(amounts);
    return `WITH ${this.#rows(amounts !== undefined)},
      per_user AS (
        SELECT user_id, grp, count(*) AS n, sum(${parts}) AS s
        FROM rows GROUP BY user_id, grp
      ),
      chosen AS (SELECT * FROM per_user ${this.#bounded()})
      SELECT grp, CAST(count(*) AS DOUBLE) AS users, CAST(sum(least(n, ${perGroup})) AS DOUBLE) AS n,
        CAST(least(greatest(sum(${steps}), ${-STEPS_TOTAL_MAX}), ${STEPS_TOTAL_MAX}) AS DOUBLE) AS steps
      FROM chosen GROUP BY grp`;
  }

  /** The parts of a step that an event adds, and the steps of a user whose `n` events add `s` parts; whole numbers. */
  #amounts({ middle, granularity, stepsMax }: AmountGrid): [parts: string, steps: string] {
    const { bounds, contribution } = this.#query;
    const clamped = `least(greatest(CAST(amount AS DOUBLE), ${bounds.low}), ${bounds.high}) - ${middle}`;
    const counted = `CAST(s AS DOUBLE) * least(n, ${contribution.perGroup}) / n / ${PARTS_PER_STEP}`;
    return [
      `CAST(round((${clamped}) / ${granularity / PARTS_PER_STEP}) AS BIGINT)`,
      `CAST(least(greatest(round(${counted}), ${-stepsMax}), ${stepsMax}) AS BIGINT)`,
    ];
  }

  /** Events by group and bucket, and under bucket −1 users. */
  buckets(): string {
    const { perGroup } = this.#query.contribution;
    return `WITH ${this.#rows(true)},
      sampled AS (
        SELECT user_id, grp, ${this.#bucket()} AS bucket FROM rows
        QUALIFY row_number() OVER (PARTITION BY user_id, grp ORDER BY hash(place, ${this.#salt}), place, amount) <= ${perGroup}
      ),
      per_user AS (SELECT DISTINCT user_id, grp FROM sampled),
      chosen AS (SELECT * FROM per_user ${this.#bounded()})
      SELECT grp, CAST(bucket AS DOUBLE) AS bucket, CAST(count(*) AS DOUBLE) AS n
      FROM sampled JOIN chosen USING (user_id, grp) GROUP BY grp, bucket
      UNION ALL
      SELECT grp, CAST(${USERS_BUCKET} AS DOUBLE), CAST(count(*) AS DOUBLE) FROM chosen GROUP BY grp`;
  }

  /** At most `groups` groups of each user. */
  #bounded(): string {
    const { groupBy, contribution } = this.#query;
    if (groupBy === 'all') return '';
    const order = `hash(user_id, grp, ${this.#salt}), grp`;
    return `QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY ${order}) <= ${contribution.groups}`;
  }

  /** The table `rows`: user_id, grp, amount, and place, the id of the event. Those without amount count only where none is used. */
  #rows(usesAmounts: boolean): string {
    const { statistic, keys, groupBy } = this.#query;
    const lists: string[] = [];
    if (this.#labels !== undefined) {
      lists.push(this.#list('labels', this.#labels));
    }
    if (keys !== undefined && groupBy !== 'all') lists.push(this.#list('wanted', { key: keys }));
    const source = statistic === 'ctr' ? this.#shown() : this.#events(usesAmounts);
    const [group, join] = this.#group();
    const filter = keys !== undefined && groupBy !== 'all' ? 'WHERE grp IN (SELECT key FROM wanted)' : '';
    return [
      ...lists,
      `source AS (${source})`,
      `grouped AS (SELECT source.user_id, ${group} AS grp, amount, place FROM source ${join})`,
      `rows AS (SELECT * FROM grouped ${filter === '' ? 'WHERE grp IS NOT NULL' : filter})`,
    ].join(', ');
  }

  #group(): [expression: string, join: string] {
    switch (this.#query.groupBy) {
      case 'all':
        return ["''", ''];
      case 'item':
        return ['item_id', ''];
      case 'day':
        return ['date', ''];
      case 'category':
        return ['labels.label', 'JOIN labels ON source.item_id = labels.id'];
      case 'variant':
        return [
          'labels.label',
          'JOIN labels ON source.request_id = labels.id AND source.user_id = labels.user_id',
        ];
    }
  }

  #events(usesAmounts: boolean): string {
    const { actions } = this.#query;
    const kinds =
      actions.length === 0
        ? `action NOT IN (${OTHER_ACTIONS.map(sqlText).join(', ')})`
        : `action IN (${actions.map(sqlText).join(', ')})`;
    return `SELECT user_id, item_id, request_id, date, "value" AS amount, event_id AS place FROM events
      WHERE ${this.#days()} AND ${kinds} AND user_id IS NOT NULL ${usesAmounts ? 'AND "value" IS NOT NULL' : ''}`;
  }

  /** Items shown, each once a request, with 1 where the same user clicked it. */
  #shown(): string {
    return `SELECT shown.user_id, shown.item_id, shown.request_id, date, shown.request_id AS place,
        CASE WHEN clicks.item_id IS NULL THEN 0 ELSE 1 END AS amount
      FROM (
        SELECT DISTINCT user_id, item_id, request_id, date FROM decided
        WHERE ${this.#days()} AND slot >= 0 AND user_id IS NOT NULL
      ) AS shown
      LEFT JOIN (
        SELECT DISTINCT user_id, item_id, request_id FROM events
        WHERE ${this.#days()} AND action = 'click' AND request_id IS NOT NULL
      ) AS clicks USING (user_id, item_id, request_id)`;
  }

  #days(): string {
    const { from, until } = this.#query;
    return `date >= ${sqlText(from)} AND date < ${sqlText(until)}`;
  }

  /** The place of `amount` among buckets or leaves. */
  #bucket(): string {
    const { statistic, edges, bounds } = this.#query;
    if (statistic === 'histogram') {
      const inner = edges.slice(1, -1).map((edge, i) => `WHEN amount < ${edge} THEN ${i}`);
      return inner.length === 0 ? '0' : `CASE ${inner.join(' ')} ELSE ${edges.length - 2} END`;
    }
    const place = `(CAST(amount AS DOUBLE) - ${bounds.low}) / ${bounds.high - bounds.low} * ${TREE_LEAVES}`;
    return `least(greatest(floor(${place}), 0), ${TREE_LEAVES - 1})`;
  }

  /** A table of texts that are handed over as parameters. */
  #list(name: string, columns: Readonly<Record<string, readonly string[]>>): string {
    const unnested = Object.entries(columns).map(([column, texts]) => {
      this.parameters.push(texts.join(SEPARATOR));
      return `unnest(string_split(?, '${SEPARATOR}')) AS ${column}`;
    });
    return `${name} AS (SELECT ${unnested.join(', ')})`;
  }
}
