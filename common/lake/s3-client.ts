import { S3Client } from '@aws-sdk/client-s3';
import { clientSettings, type S3Config } from './config.ts';

const ATTEMPTS_MAX = 4;
const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * A client of S3 or of a server with its API. What `config` leaves out is that of the AWS SDK's default chain (`AWS_REGION`,
 * `AWS_ENDPOINT_URL_S3`, profiles, ...); with an endpoint, buckets are named in the path.
 */
export function s3Client(
  config: Pick<S3Config, 'region' | 'endpoint' | 'credentials' | 'forcePathStyle'> = {},
): S3Client {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 = AWS_ENDPOINT_URL } = process.env;
  const { endpoint = AWS_ENDPOINT_URL_S3, forcePathStyle = endpoint !== undefined } = config;
  return new S3Client({
    ...clientSettings(config),
    forcePathStyle,
    maxAttempts: ATTEMPTS_MAX,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
  });
}
