import { UsageError } from './bench.ts';
import { readText } from './files.ts';

/** Texts by id, in the order of the file. */
export type Texts = ReadonlyMap<string, string>;

/** Grades of documents by topic. */
export type Judgements = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** `<DOC> <DOCNO>id</DOCNO> text </DOC>`, tags in any case; tags in the text are left out, what they enclose stays. */
export function readDocuments(path: string): Texts {
  return readElements(path, 'DOC', (body, at) => {
    const number = /<DOCNO>([^<]*)<\/DOCNO>/i.exec(body);
    if (number === null) throw new UsageError(`${at}: <DOC> without <DOCNO>`);
    return [number[1].trim(), plainText(body.replace(number[0], ' '))];
  });
}

/**
 * `<top> <num>id <title>text </top>`, end tags within optional, `Number:` and `Topic:` before the values too. The query is the
 * title; all text but the number where there is none.
 */
export function readTopics(path: string): Texts {
  return readElements(path, 'top', (body, at) => {
    const number = /<num>\s*(?:Number:)?([^<]*)(?:<\/num>)?/i.exec(body);
    if (number === null) throw new UsageError(`${at}: <top> without <num>`);
    const title = /<title>\s*(?:Topic:)?([^<]*)/i.exec(body);
    return [number[1].trim(), title?.[1].trim() ?? plainText(body.replace(number[0], ' '))];
  });
}

/** Lines `topic iteration document grade`. */
export function readJudgements(path: string): Judgements {
  const judgements = new Map<string, Map<string, number>>();
  for (const [row, line] of readText(path).split('\n').entries()) {
    if (line.trim() === '') continue;
    const [topic, , document, grade, ...more] = line.trim().split(/\s+/);
    if (grade === undefined || more.length > 0 || !/^-?\d+$/.test(grade))
      throw new UsageError(`${path}:${row + 1}: expected topic, iteration, document and a whole grade`);
    const grades = judgements.get(topic) ?? new Map<string, number>();
    if (grades.has(document))
      throw new UsageError(`${path}:${row + 1}: topic ${topic} judges document ${document} twice`);
    judgements.set(topic, grades.set(document, Number(grade)));
  }
  if (judgements.size === 0) throw new UsageError(`${path}: no judgements`);
  return judgements;
}

/** Reads every `<tag> … </tag>`; `parse` is told where the element begins. */
function readElements(
  path: string,
  tag: string,
  parse: (body: string, at: string) => [id: string, text: string],
): Texts {
  const text = readText(path);
  const texts = new Map<string, string>();
  const tags = new RegExp(`<(/?)${tag}>`, 'gi');
  let line = 1;
  let counted = 0;
  let opened: { at: string; start: number } | undefined;
  for (const match of text.matchAll(tags)) {
    for (; counted < match.index; counted++) if (text.charCodeAt(counted) === NEWLINE) line++;
    const opens = match[1] === '';
    if (opens === (opened !== undefined))
      throw new UsageError(`${path}:${line}: ${match[0]} ${opens ? 'inside' : 'without'} <${tag}>`);
    if (opened === undefined) {
      opened = { at: `${path}:${line}`, start: match.index + match[0].length };
      continue;
    }
    const [id, body] = parse(text.slice(opened.start, match.index), opened.at);
    if (id === '' || texts.has(id))
      throw new UsageError(`${opened.at}: ${id === '' ? 'an empty id' : `${id} for the second time`}`);
    texts.set(id, body);
    opened = undefined;
  }
  if (opened !== undefined) throw new UsageError(`${opened.at}: <${tag}> is not closed`);
  if (texts.size === 0) throw new UsageError(`${path}: no <${tag}>`);
  return texts;
}

const NEWLINE = 10;
const TAG = /<\/?[a-z][^<>]*>/gi;

function plainText(body: string): string {
  return body.replace(TAG, ' ').trim();
}
