-- Users with feedback on items before an offset, by their ids.
SELECT user_id
FROM events
WHERE action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND "offset" < ?
GROUP BY user_id
ORDER BY user_id
