-- Feedback on items before an offset, in any order. Actions are numbers of millrace.type.v1.Action.
SELECT
  f."offset" AS row_offset,
  COALESCE(f.user_id, '') AS row_user_id,
  f.item_id AS row_item_id,
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
WHERE f.action NOT IN ('decision', 'catalogue', 'user', 'prefer') AND f."offset" < ?
