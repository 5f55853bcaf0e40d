-- Items with feedback before an offset, by their ids.
SELECT item_id
FROM events
WHERE action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND item_id IS NOT NULL AND "offset" < ?
GROUP BY item_id
ORDER BY item_id
