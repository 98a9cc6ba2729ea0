// Asks a sidecar whether somebody may do something: check ADDRESS User:ada read Page:home
//
// It ends with 0 for an allow, 2 for a deny, and 4 where there is no answer, which whoever calls it takes for a deny.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"check/pdpv1"

	"google.golang.org/grpc"
)

func entity(text string) *pdpv1.Entity {
	kind, id, _ := strings.Cut(text, ":")
	return &pdpv1.Entity{Type: kind, Id: id}
}

// session says how they proved who they are. Values are typed: `true` is no "true", and 1 is no 1.0.
func session() *pdpv1.Record {
	return &pdpv1.Record{Fields: map[string]*pdpv1.Value{
		"mfa":              {Kind: &pdpv1.Value_BoolValue{BoolValue: true}},
		"authenticated_at": {Kind: &pdpv1.Value_StringValue{StringValue: "2026-11-23T09:00:00Z"}},
	}}
}

func ask(address string, request *pdpv1.CheckRequest) (*pdpv1.CheckResponse, error) {
	// Whoever waits for an answer for ever may as well have been denied.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(address, "unix:"))
	}
	// The kernel says who is at the other end of a Unix socket; by TCP, TLS has to.
	connection, err := grpc.DialContext(ctx, "passthrough:///localhost", grpc.WithInsecure(), grpc.WithContextDialer(dial))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return pdpv1.NewDecisionServiceClient(connection).Check(ctx, request)
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: check ADDRESS PRINCIPAL ACTION RESOURCE")
		os.Exit(4)
	}
	answer, err := ask(os.Args[1], &pdpv1.CheckRequest{
		Principal: entity(os.Args[2]),
		Action:    os.Args[3],
		Resource:  entity(os.Args[4]),
		Session:   session(),
		// Without this, an allow that comes with `log` would be told as a deny.
		Handles: []string{"log"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "no answer:", err)
		os.Exit(4)
	}
	for _, obligation := range answer.Obligations {
		fmt.Println("to do:", obligation.Name)
	}
	rules := strings.Join(answer.DeterminingRules, ", ")
	if rules == "" {
		rules = "default"
	}
	// Nothing but this one value is a yes: no other one, and not that the call went well.
	if answer.Decision != pdpv1.Decision_DECISION_ALLOW {
		fmt.Println("deny by", rules)
		os.Exit(2)
	}
	fmt.Println("allow by", rules)
}
