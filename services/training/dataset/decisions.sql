-- Whole decisions before an offset, in order.
SELECT "offset" AS row_offset, record
FROM events
WHERE action = 'decision' AND "offset" < ?
ORDER BY "offset"
