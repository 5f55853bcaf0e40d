-- Feedback on items before an offset (three times the same parameter), in any order. user_code and item_code number the users and items by
-- their ids, from 0, as feedback-users.sql and feedback-items.sql list them; -1: no item. Actions are numbers of
-- millrace.type.v1.Action.
SELECT
  f."offset" AS row_offset,
  u.code AS user_code,
  COALESCE(i.code, -1) AS item_code,
  CAST(CASE f.action
    WHEN 'impression' THEN 1
    WHEN 'view' THEN 2
    WHEN 'click' THEN 3
    WHEN 'purchase' THEN 4
    WHEN 'rating' THEN 5
    WHEN 'watch' THEN 6
    WHEN 'like' THEN 7
    WHEN 'dislike' THEN 8
    WHEN 'comment' THEN 9
    WHEN 'share' THEN 10
    WHEN 'hide' THEN 11
    WHEN 'subscribe' THEN 12
    ELSE 0
  END AS TINYINT) AS action_code,
  f."value" AS row_value,
  f.time_ms AS row_time_ms
FROM events f
LEFT JOIN (
  SELECT user_id, CAST(row_number() OVER (ORDER BY user_id) - 1 AS INTEGER) AS code
  FROM events
  WHERE action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND "offset" < ?
  GROUP BY user_id
) u ON f.user_id = u.user_id
LEFT JOIN (
  SELECT item_id, CAST(row_number() OVER (ORDER BY item_id) - 1 AS INTEGER) AS code
  FROM events
  WHERE action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND item_id IS NOT NULL AND "offset" < ?
  GROUP BY item_id
) i ON f.item_id = i.item_id
WHERE f.action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND f."offset" < ?
