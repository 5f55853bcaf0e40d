-- One row an item shown by a decision before an offset, with what came of it within a window: see `joinImpressions` for the rules.
-- Parameters: offset, offset, window in milliseconds, offset. Feedback counts in the order in which the log had both it and its decision.
WITH shown AS (
  SELECT
    "offset" AS decision_offset,
    time_ms AS decision_ms,
    request_id,
    user_id,
    item_id,
    slot,
    row_number() OVER (PARTITION BY "offset", item_id ORDER BY slot) AS from_first,
    row_number() OVER (PARTITION BY "offset", item_id ORDER BY slot DESC) AS from_last
  FROM decided
  WHERE slot >= 0 AND "offset" < ?
),
feedback AS (
  SELECT "offset" AS feedback_offset, time_ms AS feedback_ms, request_id, user_id, item_id, action, "value" AS amount
  FROM events
  WHERE action NOT IN ('decision', 'catalogue', 'user') AND item_id IS NOT NULL AND "offset" < ?
),
candidates AS (
  SELECT
    s.decision_offset, s.decision_ms, s.slot, f.feedback_offset, f.feedback_ms, f.action, f.amount,
    CASE WHEN f.feedback_offset > s.decision_offset THEN f.feedback_offset ELSE s.decision_offset END AS counted_at,
    1 AS nearness
  FROM feedback f JOIN shown s ON f.request_id = s.request_id AND f.item_id = s.item_id
  WHERE s.from_first = 1
  UNION ALL
  SELECT
    s.decision_offset, s.decision_ms, s.slot, f.feedback_offset, f.feedback_ms, f.action, f.amount,
    f.feedback_offset AS counted_at,
    row_number() OVER (PARTITION BY f.feedback_offset ORDER BY s.decision_offset DESC) AS nearness
  FROM feedback f JOIN shown s ON f.user_id = s.user_id AND f.item_id = s.item_id
  WHERE f.request_id IS NULL AND f.action <> 'impression' AND s.from_last = 1 AND s.decision_offset < f.feedback_offset
),
matched AS (
  SELECT
    *,
    SUM(CASE WHEN action = 'impression' THEN 1 ELSE 0 END)
      OVER (PARTITION BY decision_offset, slot ORDER BY counted_at, feedback_offset) AS reports
  FROM candidates
  WHERE nearness = 1
),
placed AS (
  SELECT
    *,
    MAX(CASE WHEN action = 'impression' THEN feedback_ms END) OVER (PARTITION BY decision_offset, slot, reports) AS reported_ms
  FROM matched
),
counting AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY decision_offset, slot, CASE WHEN action = 'rating' AND amount IS NOT NULL THEN 1 ELSE 0 END
      ORDER BY counted_at DESC, feedback_offset DESC
    ) AS from_latest
  FROM placed
  WHERE action = 'impression'
    OR (feedback_ms >= decision_ms AND feedback_ms <= COALESCE(reported_ms, decision_ms) + ?)
),
outcomes AS (
  SELECT
    decision_offset,
    slot,
    MAX(CASE WHEN action = 'impression' THEN reports ELSE 0 END) AS reports,
    MAX(CASE WHEN action = 'click' THEN 1 ELSE 0 END) AS clicked,
    MAX(CASE WHEN action IN ('view', 'click', 'purchase', 'rating', 'watch', 'like', 'comment', 'share', 'subscribe') THEN 1 ELSE 0 END) AS taken,
    SUM(CASE WHEN action = 'watch' THEN CAST(amount AS DOUBLE) END) AS watch_seconds,
    MAX(CASE WHEN action = 'rating' AND from_latest = 1 THEN amount END) AS rating
  FROM counting
  GROUP BY decision_offset, slot
),
last_reports AS (
  SELECT decision_offset, slot, reports, MAX(reported_ms) AS reported_ms
  FROM placed
  GROUP BY decision_offset, slot, reports
),
ends AS (
  SELECT MAX(time_ms) AS end_ms FROM events WHERE action NOT IN ('catalogue', 'user') AND "offset" < ?
)
SELECT
  s.decision_offset,
  s.slot,
  s.item_id,
  CAST(COALESCE(r.reported_ms, s.decision_ms) AS DOUBLE) AS shown_ms,
  CAST(CASE WHEN o.slot IS NULL THEN 0 ELSE 1 END AS TINYINT) AS seen,
  CAST(CASE WHEN COALESCE(o.reports, 0) > 0 THEN 1 ELSE 0 END AS TINYINT) AS reported,
  CAST(COALESCE(o.clicked, 0) AS TINYINT) AS clicked,
  CAST(COALESCE(o.taken, 0) AS TINYINT) AS taken,
  o.watch_seconds,
  o.rating,
  CAST(e.end_ms AS DOUBLE) AS end_ms
FROM shown s
CROSS JOIN ends e
LEFT JOIN outcomes o ON s.decision_offset = o.decision_offset AND s.slot = o.slot
LEFT JOIN last_reports r ON s.decision_offset = r.decision_offset AND s.slot = r.slot AND o.reports = r.reports
ORDER BY s.decision_offset, s.slot
