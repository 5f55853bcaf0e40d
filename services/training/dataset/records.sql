-- Whole events that change the catalogue or a user's attributes, before an offset, in order.
SELECT "offset" AS row_offset, record
FROM events
WHERE action IN ('catalogue', 'user') AND "offset" < ?
ORDER BY "offset"
