import pc from 'picocolors';
import { Columns } from '../../common/columns.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { ExplainResponse, RecommendResponse } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { type TableColumn, tableLines } from './table.ts';

type Items = ReadonlyMap<string, Item>;
type Scores = Readonly<Record<string, number>>;

const TITLE_WIDTH = 40;
const REASON_NAMES: ReadonlyMap<DegradedReason, string> = new Map(
  Object.entries(DegradedReason).map(([name, reason]) => [
    reason,
    name.replace('DEGRADED_REASON_', '').toLowerCase().replaceAll('_', ' '),
  ]),
);
const SHOWN = 'SHOWN';
const RANK_COLUMN = /^retrieval\.(.+)\.rank$/;

const ITEM_COLUMNS: readonly TableColumn[] = [
  { title: '#', align: 'right', style: pc.dim },
  { title: 'title', widthMax: TITLE_WIDTH, style: pc.bold },
  { title: 'year', align: 'right', style: pc.dim },
  { title: 'category', widthMax: 20, style: pc.dim },
];

/** A list of recommended items as lines for people: what, with which score, found by which sources. */
export function slateLines({ items: shown }: RecommendResponse, items: Items): string[] {
  const rows = shown.map(({ itemId, score, sources }, i) => [
    ...itemCells(i, itemId, items),
    score.toFixed(3),
    sources.join(' + ') || 'fallback list',
    itemId,
  ]);
  const columns: readonly TableColumn[] = [
    ...ITEM_COLUMNS,
    { title: 'score', align: 'right' },
    { title: 'found by', style: pc.cyan },
    { title: 'id', style: pc.dim },
  ];
  return tableLines(columns, rows, pc.underline);
}

/** The same with each stage's score; `found by` names the item's rank in each source's list. */
export function explainedLines({ response, candidates }: ExplainResponse, items: Items): string[] {
  const scores = new Map(candidates.map((candidate) => [candidate.itemId, candidate.scores]));
  const rows = (response?.items ?? []).map(({ itemId, score }, i) => {
    const own = scores.get(itemId) ?? {};
    return [
      ...itemCells(i, itemId, items),
      scoreText(own[Columns.rrf], 4),
      scoreText(own[Columns.ranking], 3),
      score.toFixed(3),
      foundBy(own) || 'fallback list',
    ];
  });
  const columns: readonly TableColumn[] = [
    ...ITEM_COLUMNS,
    { title: 'retrieval', align: 'right' },
    { title: 'ranking', align: 'right' },
    { title: 're-ranking', align: 'right' },
    { title: 'found by (rank)', style: pc.cyan },
  ];
  return tableLines(columns, rows, pc.underline);
}

/** What became of the candidates, as `shown 10 · not selected 412 · seen 78`. */
export function outcomesLine({ candidates }: ExplainResponse): string {
  const counts = new Map<string, number>();
  for (const { outcome } of candidates) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => Number(b === SHOWN) - Number(a === SHOWN))
    .map(([outcome, count]) => `${outcome.toLowerCase().replaceAll('_', ' ')} ${count}`)
    .join(' · ');
}

/** Why the answer is worse than it should be; undefined if it is not. */
export function degradedLine({ degraded, stages }: RecommendResponse): string | undefined {
  const name = (reason: DegradedReason): string => REASON_NAMES.get(reason) ?? `reason ${reason}`;
  const byStage = stages.flatMap(({ stage, degraded: reasons }) =>
    reasons.map((reason) => `${stage}: ${name(reason)}`),
  );
  const told = new Set(stages.flatMap(({ degraded: reasons }) => reasons));
  const others = degraded.filter((reason) => !told.has(reason)).map(name);
  const all = [...byStage, ...others];
  return all.length === 0 ? undefined : pc.yellow(`degraded: ${all.join(', ')}`);
}

function itemCells(i: number, itemId: string, items: Items): string[] {
  const item = items.get(itemId);
  const year = item?.attributes.year?.number;
  return [
    String(i + 1),
    item?.title || itemId,
    year === undefined ? '' : String(year),
    item?.categories[0] ?? '',
  ];
}

function foundBy(scores: Scores): string {
  return Object.entries(scores)
    .flatMap(([column, rank]) => {
      const source = RANK_COLUMN.exec(column)?.[1];
      return source === undefined || rank === 0 ? [] : [{ source, rank }];
    })
    .sort((a, b) => a.rank - b.rank)
    .map(({ source, rank }) => `${source} ${rank}`)
    .join(', ');
}

function scoreText(score: number | undefined, digits: number): string {
  return score === undefined ? '–' : score.toFixed(digits);
}
