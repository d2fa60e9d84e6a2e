// Package tradingday makes a day of a trading desk's alerts, and measures what people are
// told of it. testdata/tradingday has the day, as this package makes it, with the
// configurations of alertd and of Alertmanager for it.
//
// # The day
//
// It is a Tuesday from 08:00 to 18:00 in Frankfurt ([Begin], [End]). Times are of that clock:
//
//	all day      latency_monitor says every few seconds that the latency is too high
//	08:00-08:28  the nightly batch is late: its jobs warn and fail, which nobody needs to hear
//	08:50-09:04  sixty components start, and complain until they have found each other
//	09:30-16:30  the VaR of ten positions drifts towards its limit; three go beyond it
//	11:12-11:19  the market data of XETR fails: 420 symbols are stale, then all recover
//	13:05-13:45  a FIX session goes down and comes back every minute
//	14:30-14:32  a switch fails: forty-eight components raise thousands of alerts
//	15:40-16:20  trading on XEUR is halted, and every order is rejected, as it must be, until
//	             the strategies are stopped
//	now and then a component has a problem of its own, and a few are critical: one of them
//	             during the batch, one in the outage, three in the storm, one in the halt
//
// # What is known about it
//
// Each [Alert] names its problem: what a person would want to hear of once, and would call by
// one name. Neither alertd nor Alertmanager sees it; it is what [Measure] judges messages by.
// An alert that needs no message says why: [Alert.Explained].
//
// An alert also has a kind, which stands for the alertname that users of Alertmanager give
// to each. alertd does not see it either.
//
// # Making it again
//
// The same seed makes the same day. To change the day, change this package, and run
//
//	go run ./test/tradingday/generate
package tradingday
