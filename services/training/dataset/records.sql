-- Whole events that change the catalogue or are about a user and no item, before an offset, in order.
SELECT "offset" AS row_offset, record
FROM events
WHERE action IN ('catalogue', 'user', 'prefer') AND record IS NOT NULL AND "offset" < ?
ORDER BY "offset"
