module example.com/stemma/interop

go 1.24.0

require github.com/in-toto/in-toto-golang v0.11.0

require (
	github.com/in-toto/attestation v1.1.2 // indirect
	github.com/secure-systems-lab/go-securesystemslib v0.10.0 // indirect
	github.com/shibumi/go-pathspec v1.3.0 // indirect
	golang.org/x/crypto v0.46.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
