-- Plain SQL that all of the engines take; one statement a question.

-- How did each night's throughput go, by scenario?
SELECT r.cluster, r.scenario, r.run_id, r.started_at, min(r.value) AS least, avg(r.value) AS mean, count(*) AS pairs
FROM results r JOIN runs u ON u.cluster = r.cluster AND u.run_id = r.run_id
WHERE r.metric = 'throughput' AND r.origin IS NULL AND r.value IS NOT NULL
  AND coalesce(r.path, 'pod-ip') = coalesce(u.path, 'pod-ip')
  AND u.verdict NOT IN ('INVALID', 'N/A')
GROUP BY r.cluster, r.scenario, r.run_id, r.started_at
ORDER BY r.started_at;

-- Which pairs had no result, and why?
SELECT cluster, scenario, run_id, client_node, server_node, error_reason, error_message
FROM results
WHERE error_reason IS NOT NULL
ORDER BY started_at DESC;

-- How often did what pass?
SELECT cluster, scenario, verdict, count(*) AS runs
FROM runs
GROUP BY cluster, scenario, verdict
ORDER BY cluster, scenario, verdict;

-- Which node sends least?
SELECT r.cluster, r.client_node, avg(r.value) AS mean, count(*) AS pairs
FROM results r JOIN runs u ON u.cluster = r.cluster AND u.run_id = r.run_id
WHERE r.metric = 'throughput' AND r.origin IS NULL AND r.value IS NOT NULL
  AND coalesce(r.path, 'pod-ip') = coalesce(u.path, 'pod-ip')
  AND u.verdict NOT IN ('INVALID', 'N/A')
GROUP BY r.cluster, r.client_node
ORDER BY mean;

-- Which levels has who accepted, and why?
SELECT cluster, scenario, metric, statistic, node, level_before, level, unit, accepted_by, reason
FROM accepted_levels
ORDER BY started_at;
