import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDb, sqlText } from '../../common/lake/duck-db.ts';
import { Random } from '../../common/random.ts';

/**
 * Writes the logs of a shop that never heard of Millrace: `products.parquet` and `logs/dt=YYYY-MM-DD/part-0.parquet`, under the folder
 * that the argument names. 300 customers of three tastes, 240 products, 30 days; the same for the same seed.
 */
const SEED = 1;
const CUSTOMERS = 300;
const PRODUCTS = 240;
const DAYS = 30;
const EVENTS_PER_DAY = 500;
const START_MS = Date.UTC(2024, 2, 1);
const DAY_MS = 86_400_000;
const AISLES = ['garden', 'kitchen', 'workshop'];
const OWN_TASTE = 0.85;

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: make-logs.ts FOLDER');
const random = new Random(SEED);
using db = await DuckDb.open();

async function write(file: string, columns: string, rows: readonly string[]): Promise<void> {
  await db.run(
    `COPY (SELECT * FROM (VALUES ${rows.join(', ')}) t(${columns})) TO ${sqlText(file)} (FORMAT parquet, COMPRESSION zstd)`,
  );
}

/** The product in a place of an aisle; places near the front are taken more often. */
function pick(aisle: number): number {
  const place = Math.floor((PRODUCTS / AISLES.length) * random.next() ** 2);
  return aisle + AISLES.length * place;
}

function eventOf(day: number): string {
  const customer = random.int(CUSTOMERS);
  const aisle = random.next() < OWN_TASTE ? customer % AISLES.length : random.int(AISLES.length);
  const moment = new Date(START_MS + day * DAY_MS + random.int(DAY_MS)).toISOString();
  const [verb, stars] = [
    ['viewed', 'NULL'],
    ['bought', 'NULL'],
    ['rated', `${(6 + random.int(5)) / 2}`],
  ][Math.floor(3 * random.next() ** 2)];
  return `(${1_000 + customer}::BIGINT, 'sku-${pick(aisle)}', '${verb}', TIMESTAMP '${moment.slice(0, -1)}', ${stars}::DECIMAL(2, 1))`;
}

await mkdir(folder, { recursive: true });
const products = Array.from({ length: PRODUCTS }, (_, product) => {
  const aisle = AISLES[product % AISLES.length];
  return `('sku-${product}', 'Thing ${product} for the ${aisle}', ['${aisle}'], ${(5 + random.int(400)) / 4}::DOUBLE)`;
});
await write(join(folder, 'products.parquet'), 'sku, label, aisles, price', products);
for (let day = 0; day < DAYS; day++) {
  const partition = join(
    folder,
    'logs',
    `dt=${new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10)}`,
  );
  await mkdir(partition, { recursive: true });
  const rows = Array.from({ length: EVENTS_PER_DAY }, () => eventOf(day));
  await write(join(partition, 'part-0.parquet'), 'customer, sku, verb, happened, stars', rows);
}
process.stdout.write(`${DAYS} files of ${EVENTS_PER_DAY} events and ${PRODUCTS} products are in ${folder}\n`);
