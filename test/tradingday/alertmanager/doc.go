// Package alertmanager replays a trading day through a real Alertmanager, whose messages it
// counts. It needs Debian's prometheus-alertmanager.
//
// [Replay] starts Alertmanager with a configuration, posts the alerts to its API as a client
// library would, and receives its webhooks. All of it is on loopback, at ports that the kernel
// chooses.
//
// # Time
//
// Alertmanager knows no clock but the machine's, so the day is compressed: at [Day.Speed] 60
// an hour takes a minute. The intervals of the configuration are divided by the same number,
// and times are measured as those of the day. Several parts of the day are replayed at the
// same time, each through an Alertmanager of its own, which begins half an hour before its
// part. This affects the result in three ways:
//
//   - One millisecond of the machine is 0.06 s of the day. So a message that is sent at once
//     seems to take some tenths of a second. The time that the posting itself takes is left
//     out, and reported apart: [Result.Slack].
//   - Alertmanager forgets empty groups every 30 s, which cannot be configured and is half an
//     hour of the day. Until then a new alert of the group waits for group_interval rather
//     than for group_wait.
//   - What is open for hours is not repeated, as repeat_interval is longer than a part.
//
// # Alerts
//
// An alert's labels are its kind (as alertname), severity, category, source and the texts of
// its context. It has no end: it is over after resolve_timeout without another one with the
// same labels. One that resolves ends those with the same labels, whatever their severity.
package alertmanager
