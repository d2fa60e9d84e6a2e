package store

// TallyQueries are the statements on the table of tallies and how many arguments each has, as
// the store's database takes them.
func (s *Store) TallyQueries() map[string]int {
	pairs, args := s.db.dialect().Pairs([]int64{1}, []int64{2})
	return map[string]int{s.sql(tallyQuery): 4, s.queries.tally: 3, s.sql(dropEmptyQuery(pairs)): len(args)}
}
