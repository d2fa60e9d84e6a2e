package transfer_test

import (
	"testing"

	"go.uber.org/goleak"

	"alertd/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
