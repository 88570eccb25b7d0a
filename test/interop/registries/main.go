// A registry in memory that lists referrers: the library's own command does not.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	quiet := registry.Logger(log.New(nowhere{}, "", 0))
	handler := registry.New(registry.WithReferrersSupport(true), quiet)
	log.Fatal(http.ListenAndServe(os.Args[1], handler))
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
