// Package calendar says whether an instant is within recurring hours, such as the trading
// hours of an exchange or the nights of a batch. It is pure: it knows no clock, and reads
// nothing but the time zones that are part of Go.
//
// A [Spec] has a time zone, weekdays, hours, dates, holidays and half days. The rules are
// those of a wall clock in the zone:
//
//   - Hours such as 09:00-17:30 begin at the first time and end just before the second.
//     Hours that cross midnight, such as 22:00-06:00, belong to the day on which they begin:
//     its weekday, and whether it is a holiday or a half day, decides for all of them.
//   - No hours stand for the whole day, no weekdays for all of them, no dates for every day.
//   - A holiday has no hours. A half day has its own in place of the usual ones, if it would
//     have any.
//   - When clocks go forward, the time that they skip does not exist, so that hours within it
//     do not either. When they go back, the time that they repeat counts twice. Where a zone
//     has skipped a whole day, hours of the day before it that cross midnight end on the day
//     after it.
//
// [New] checks a Spec and makes a [Calendar] of it, which answers whether an instant is
// within the hours, and when that changes next. [HolidaysFromICS] reads holidays from a file
// in the iCalendar format.
package calendar
