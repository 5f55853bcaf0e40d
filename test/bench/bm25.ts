import { gradedNdcg, rankingMetrics } from '../../common/metrics/ranking.ts';
import { Bm25Index, Bm25Scratch } from '../../common/text/bm25.ts';
import { compileQuery } from '../../common/text/bm25-query.ts';
import { BM25_VARIANTS, type Bm25Variant, bm25Defaults } from '../../common/text/bm25-variants.ts';
import { buildPostings, type Postings } from '../../common/text/postings.ts';
import { createTokeniser, type TokeniserOptions } from '../../common/text/tokenise.ts';
import { type Bench, oneOf, parsed, required, UsageError } from './bench.ts';
import { readText } from './files.ts';
import { measured } from './report.ts';
import { type Judgements, readDocuments, readJudgements, readTopics, type Texts } from './trec-files.ts';

/** Documents of a query that are looked at, as in TREC. */
const DEPTH = 1000;
const NO_SEED = 0;

/**
 * BM25 (k1 1.2, b .75) on a TREC collection, one line a variant: all variants unless one is named. Without `--stopwords`
 * nothing is left out; it takes a file of words, or `english` for the built-in list.
 */
export const bm25Bench: Bench = {
  usage: [
    '--docs F --queries F --qrels F [--variant V] [--stemmer porter|none] [--stopwords F|english]',
    `V: ${BM25_VARIANTS.join(' ')}`,
  ].join('   '),
  async run(args, print) {
    const values = parsed(args, {
      docs: { type: 'string' },
      queries: { type: 'string' },
      qrels: { type: 'string' },
      variant: { type: 'string' },
      stemmer: { type: 'string', default: 'porter' },
      stopwords: { type: 'string' },
    });
    const variants =
      values.variant === undefined ? BM25_VARIANTS : [oneOf(values.variant, BM25_VARIANTS, 'variant')];
    const stemmer = oneOf(values.stemmer, ['porter', 'none'], 'stemmer');
    const documents = required(values.docs, 'docs');
    const queries = required(values.queries, 'queries');
    const qrels = required(values.qrels, 'qrels');
    const collection = readCollection(documents, queries, qrels, {
      stemmer,
      stopwords: stopwordsOf(values.stopwords),
    });
    const labels = { bench: 'bm25', stemmer, stopwords: values.stopwords ?? 'none' };
    for (const variant of variants)
      await measured(print, { ...labels, variant }, NO_SEED, async () => measureVariant(collection, variant));
  },
};

/** Words as the tokeniser cuts them, so that a list with `don't` finds what it means. */
function stopwordsOf(option: string | undefined): TokeniserOptions['stopwords'] {
  if (option === undefined || option === 'english') return option ?? 'none';
  return createTokeniser({ stemmer: 'none', stopwords: 'none' }).tokenise(readText(option));
}

interface Collection {
  readonly postings: Postings;
  readonly topics: Texts;
  readonly judgements: Judgements;
  /** Id of each row. */
  readonly ids: readonly string[];
}

function readCollection(
  documents: string,
  queries: string,
  qrels: string,
  tokeniser: TokeniserOptions,
): Collection {
  const texts = readDocuments(documents);
  const topics = readTopics(queries);
  const judgements = readJudgements(qrels);
  if (![...judgements.keys()].some((topic) => topics.has(topic)))
    throw new UsageError(`${qrels}: judges no query of ${queries}`);
  const postings = buildPostings(texts.values(), createTokeniser(tokeniser));
  return { postings, topics, judgements, ids: [...texts.keys()] };
}

/**
 * Means over all judged queries (trec_eval -c): one without a relevant document, or without a text, counts 0. Equal scores are
 * ordered by document id, descending, as trec_eval does; at the last place looked at, by the order of the file.
 */
function measureVariant({ postings, topics, judgements, ids }: Collection, variant: Bm25Variant) {
  const index = new Bm25Index(postings, { ...bm25Defaults, variant });
  const scratch = new Bm25Scratch();
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  const sums = { map: 0, ndcg: 0, 'ndcg@10': 0, 'p@10': 0 };
  for (const [topic, judged] of judgements) {
    const words = index.tokeniser.tokenise(topics.get(topic) ?? '');
    const { rows, scores, count } = index.search(compileQuery(index, words), DEPTH, scratch);
    const order = Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => scores[b] - scores[a] || (ids[rows[a]] < ids[rows[b]] ? 1 : -1));
    const ranked = order.map((i) => rows[i]);
    const grades = new Map<number, number>();
    for (const [id, grade] of judged) grades.set(rowOf.get(id) ?? ids.length + grades.size, grade);
    const relevant = new Set([...grades].flatMap(([row, grade]) => (grade > 0 ? [row] : [])));
    sums.map += rankingMetrics(ranked, relevant, DEPTH).averagePrecision;
    sums.ndcg += gradedNdcg(ranked, grades, Number.POSITIVE_INFINITY, 'linear');
    sums['ndcg@10'] += gradedNdcg(ranked, grades, 10, 'linear');
    sums['p@10'] += rankingMetrics(ranked, relevant, 10).precision;
  }
  const means = Object.entries(sums).map(([name, sum]) => [name, sum / judgements.size]);
  return { ...Object.fromEntries(means), queries: judgements.size };
}
