// The side of Sigstore's clients in Go: takes trusted_root.json from a mirror with nothing but a pinned root.json, and says
// of each bundle whether it verifies.
package main

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	legacy "github.com/theupdateframework/go-tuf/client"
)

type plan struct {
	Mirror string
	Cases  []testCase
}

type testCase struct {
	Name string
	// Who fetches the trusted root: "sigstore-go", which is cosign's client too, or "go-tuf", policy-controller's.
	Client string
	// Files: the pinned root, the bundle, and the PEM of a key when no certificate is expected. Cache is a folder.
	Root   string
	Cache  string
	Bundle string
	Key    string
	// SHA-256 of the artifact, in hex.
	Artifact string
	Issuer   string
	Identity string
	// What has to prove that the bundle is in a log, and when it was signed.
	Proofs []string
}

func trustedRoot(p plan, c testCase) (*root.TrustedRoot, error) {
	pinned, err := os.ReadFile(c.Root)
	if err != nil {
		return nil, err
	}
	switch c.Client {
	case "sigstore-go":
		options := tuf.DefaultOptions().WithRoot(pinned).WithRepositoryBaseURL(p.Mirror).WithCachePath(c.Cache)
		client, err := tuf.New(options)
		if err != nil {
			return nil, err
		}
		return root.GetTrustedRoot(client)
	case "go-tuf":
		data, err := legacyTarget(p.Mirror, pinned, "trusted_root.json")
		if err != nil {
			return nil, err
		}
		return root.NewTrustedRootFromJSON(data)
	}
	return nil, fmt.Errorf("there is no client %q", c.Client)
}

type buffer struct{ bytes.Buffer }

func (b *buffer) Delete() error {
	b.Reset()
	return nil
}

// What policy-controller does for a TrustRoot with a remote: ClientFromRemote and GetSigstoreKeysFromTuf.
func legacyTarget(mirror string, pinned []byte, name string) ([]byte, error) {
	options := &legacy.HTTPRemoteOptions{TargetsPath: "targets", Retries: legacy.DefaultHTTPRetries}
	remote, err := legacy.HTTPRemoteStore(mirror, options, &http.Client{Timeout: 4 * time.Second})
	if err != nil {
		return nil, err
	}
	client := legacy.NewClient(legacy.MemoryLocalStore(), remote)
	if err := client.Init(pinned); err != nil {
		return nil, err
	}
	if _, err := client.Update(); err != nil {
		return nil, err
	}
	var to buffer
	if err := client.Download(name, &to); err != nil {
		return nil, err
	}
	return to.Bytes(), nil
}

// One public key, whatever hint the bundle gives.
func keyMaterial(path string) (root.TrustedMaterial, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	if err != nil {
		return nil, err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	expiring := root.NewExpiringKey(verifier, time.Time{}, time.Time{})
	return root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return expiring, nil
	}), nil
}

func verifyCase(p plan, c testCase) error {
	trusted, err := trustedRoot(p, c)
	if err != nil {
		return fmt.Errorf("no trusted root: %w", err)
	}
	material := root.TrustedMaterialCollection{trusted}
	var options []verify.VerifierOption
	var policy verify.PolicyOption
	if c.Key != "" {
		key, err := keyMaterial(c.Key)
		if err != nil {
			return err
		}
		material = append(material, key)
		options = append(options, verify.WithNoObserverTimestamps())
		policy = verify.WithKey()
	} else {
		identity, err := verify.NewShortCertificateIdentity(c.Issuer, "", c.Identity, "")
		if err != nil {
			return err
		}
		options = append(options, verify.WithSignedCertificateTimestamps(1))
		policy = verify.WithCertificateIdentity(identity)
	}
	for _, proof := range c.Proofs {
		switch proof {
		case "log":
			options = append(options, verify.WithTransparencyLog(1))
		case "time of the log":
			options = append(options, verify.WithIntegratedTimestamps(1))
		case "timestamp":
			options = append(options, verify.WithSignedTimestamps(1))
		default:
			return fmt.Errorf("there is no proof %q", proof)
		}
	}
	verifier, err := verify.NewVerifier(material, options...)
	if err != nil {
		return err
	}
	entity, err := bundle.LoadJSONFromPath(c.Bundle)
	if err != nil {
		return err
	}
	digest, err := hex.DecodeString(c.Artifact)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(entity, verify.NewPolicy(verify.WithArtifactDigest("sha256", digest), policy))
	return err
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sigstore-go PLAN")
		os.Exit(2)
	}
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var read plan
	if err := json.Unmarshal(data, &read); err != nil {
		panic(err)
	}
	results := []map[string]any{}
	for _, c := range read.Cases {
		why := ""
		if err := verifyCase(read, c); err != nil {
			why = err.Error()
		}
		results = append(results, map[string]any{"name": c.Name, "ok": why == "", "why": why})
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		panic(err)
	}
}
