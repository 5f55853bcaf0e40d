/**
 * A ranking stage that shares nothing with Millrace but its .proto files: a bare proto-loader server. It prefers what retrieval
 * prefers and, of things as good, what fewer people know. It leaves StageService out, so any bundle will do for it.
 *
 *     tsx bare-ranker.ts 127.0.0.1:7203
 */
import { type GrpcObject, loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

interface Column {
  name: string;
  values: Buffer;
}
interface Candidates {
  count: number;
  item: Buffer;
  columns: Column[];
}
type Call = { request: { candidates?: Candidates } };
type Done = (error: object | null, response?: object) => void;

const SERVICE = 'millrace.ranking.v1.RankingService';
const protos = loadSync('millrace/ranking/v1/ranking.proto', {
  includeDirs: [new URL('../../../proto', import.meta.url).pathname],
  keepCase: true,
  defaults: true,
});

function floats({ values, name }: Column, count: number): number[] {
  if (values.length !== count * 4) throw new Error(`${name}: ${values.length} bytes for ${count} rows`);
  const numbers = Array.from({ length: count }, (_, row) => values.readFloatLE(row * 4));
  if (!numbers.every(Number.isFinite)) throw new Error(`${name}: not finite`);
  return numbers;
}

function scores({ count, item, columns }: Candidates): Buffer {
  if (item.length !== count * 4) throw new Error(`item: ${item.length} bytes for ${count} rows`);
  const byName = new Map(columns.map((column) => [column.name, floats(column, count)]));
  const rrf = byName.get('retrieval.rrf');
  if (rrf === undefined && count > 0) throw new Error('retrieval.rrf is missing');
  const popularity = byName.get('retrieval.popularity.rank');
  const out = Buffer.alloc(count * 4);
  for (let row = 0; row < count; row++) {
    const rank = popularity?.[row] || 1000;
    out.writeFloatLE((rrf?.[row] ?? 0) * (1 + 0.1 * Math.log10(rank)), row * 4);
  }
  return out;
}

function rank(
  { request: { candidates = { count: 0, item: Buffer.alloc(0), columns: [] } } }: Call,
  done: Done,
) {
  try {
    const columns = [{ name: 'score.ranking', values: scores(candidates) }];
    done(null, {
      status: { stage: 'ranking', implementation: 'bare-ranker', version: '1' },
      candidates: { count: candidates.count, item: candidates.item, columns },
    });
  } catch (error) {
    done({ code: status.INVALID_ARGUMENT, details: (error as Error).message });
  }
}

const server = new Server();
const { RankingService } = SERVICE.split('.')
  .slice(0, -1)
  .reduce((node, key) => node[key] as GrpcObject, loadPackageDefinition(protos));
server.addService((RankingService as never as { service: object }).service as never, { Rank: rank });
new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' }).addToServer(server);
new ReflectionService(protos).addToServer(server);
server.bindAsync(process.argv[2], ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`listening on port ${port}\n`);
});
