package store_test
import ("testing";"context";"log/slog";"time";"fmt";"os";"sync"
"github.com/stretchr/testify/require"
"alertd/internal/alerting";"alertd/internal/store")
func TestSmoke(t *testing.T){
 cfg:=store.Config{Driver:store.SQLite,Path:t.TempDir()+"/a/x.db",Logger:slog.New(slog.NewTextHandler(os.Stderr,nil))}
 if dsn:=os.Getenv("DSN");dsn!=""{cfg.Driver=store.Postgres;cfg.DSN=dsn}
 n:=20000
 run:=func(f func(m *alerting.Manager,s *store.Store)){
 s,err:=store.Open(t.Context(),cfg);require.NoError(t,err)
 m,err:=alerting.OpenManager(t.Context(),alerting.Config{MinSeverity:1,BufferSize:1000},nil,s);require.NoError(t,err)
 ctx,stop:=context.WithCancel(t.Context()); done:=make(chan error,1); go func(){done<-s.Run(ctx)}()
 f(m,s)
 stop(); require.NoError(t,<-done); require.NoError(t,s.Close())}
 run(func(m *alerting.Manager,s *store.Store){
  st:=time.Now(); var wg sync.WaitGroup
  for w:=range 64 { wg.Go(func(){ for i:=range n/64 { _,err:=m.Register(context.Background(),alerting.Alert{Severity:4,Category:alerting.Category(1+i%8),Source:fmt.Sprint("s",w),Message:fmt.Sprintf("VaR breach %d > %d",i,w)}); if err!=nil{panic(err)} } }) }
  wg.Wait(); fmt.Println("rate",float64(n)/time.Since(st).Seconds(), s.Counts())
  time.Sleep(time.Second); fmt.Println(s.Counts())
 })
 run(func(m *alerting.Manager,s *store.Store){
  for _,f:=range []alerting.Filter{{},{Sources:[]string{"s7"}},{Text:"BREACH 299 > 3"},{Categories:[]alerting.Category{3},Sources:[]string{"s7"}},{Text:"zzz"},{Text:"9"}} {
  st:=time.Now(); q:=alerting.Query{Filter:f,Limit:100}; total:=0; pages:=0; var first time.Duration
  for { p,err:=m.QueryEvents(t.Context(),q); require.NoError(t,err); if pages==0 {first=time.Since(st)}; pages++; for i,e:=range p.Events { require.True(t,q.Before==0||e.Seq()<q.Before); if i>0 {require.Less(t,e.Seq(),p.Events[i-1].Seq())} }; total+=len(p.Events); if !p.More {break}; q.Before=p.Events[len(p.Events)-1].Seq() }
  fmt.Println(f,total,pages,first,time.Since(st)) }
 })
}
