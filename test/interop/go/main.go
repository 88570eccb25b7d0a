// The side of in-toto-golang: makes what a plan asks for, and says of what others made whether it verifies.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"

	intoto "github.com/in-toto/in-toto-golang/in_toto"
)

type step struct {
	Name          string
	Threshold     int
	Functionaries []string
	Materials     [][]string
	Products      [][]string
	Command       []string
}

type layout struct {
	Expires string
	Readme  string
	Steps   []step
}

type link struct {
	Command     []string
	Materials   map[string]intoto.HashObj
	Products    map[string]intoto.HashObj
	Byproducts  map[string]any
	Environment map[string]any
}

type evidence struct {
	Step     string
	By       []string
	Link     *link
	Run      bool
	Layout   *layout
	Evidence []evidence
}

type certificate struct {
	Step          string
	Roots         []string
	Intermediates []string
	Constraint    intoto.CertificateConstraint
}

type testCase struct {
	Name         string
	LayoutFormat string
	LinkFormat   string
	Ids          string
	Owners       []string
	Signers      []string
	Layout       layout
	Evidence     []evidence
	Parameters   map[string]string
	Certificate  *certificate
	Without      map[string]string
}

type keyPlan struct{ Scheme, Modern, Python, Legacy string }

type plan struct {
	folder string
	Keys   map[string]keyPlan
	Cases  []struct {
		Folder string
		testCase
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func readPlan(path string) plan {
	data, err := os.ReadFile(path)
	check(err)
	read := plan{folder: filepath.Dir(path)}
	check(json.Unmarshal(data, &read))
	return read
}

// The key of a person, under the key id that a case asks for. Go's own is the legacy one.
func (p plan) key(name string, ids string, private bool) intoto.Key {
	suffix := ".pub"
	if private {
		suffix = ".pem"
	}
	key := intoto.Key{}
	check(key.LoadKey(filepath.Join(p.folder, "keys", name+suffix), p.Keys[name].Scheme, []string{"sha256", "sha512"}))
	if key.KeyID != p.Keys[name].Legacy {
		panic(fmt.Sprintf("the key id of %s is %s in Go and %s in the plan", name, key.KeyID, p.Keys[name].Legacy))
	}
	switch ids {
	case "modern":
		key.KeyID = p.Keys[name].Modern
	case "python":
		key.KeyID = p.Keys[name].Python
	}
	if private {
		if pem, err := os.ReadFile(filepath.Join(p.folder, "keys", name+".crt")); err == nil {
			key.KeyVal.Certificate = string(pem)
		}
	}
	return key
}

func (p plan) authorities(names []string) map[string]intoto.Key {
	keys := map[string]intoto.Key{}
	for _, name := range names {
		key := intoto.Key{}
		check(key.LoadKeyDefaults(filepath.Join(p.folder, "keys", name+".crt")))
		key.KeyID = name
		keys[name] = key
	}
	return keys
}

func (p plan) layout(from layout, c testCase) intoto.Layout {
	made := intoto.Layout{
		Type:    "layout",
		Steps:   []intoto.Step{},
		Inspect: []intoto.Inspection{},
		Keys:    map[string]intoto.Key{},
		Expires: from.Expires,
		Readme:  from.Readme,
	}
	for _, s := range from.Steps {
		ids := []string{}
		for _, name := range s.Functionaries {
			key := p.key(name, c.Ids, false)
			made.Keys[key.KeyID] = key
			ids = append(ids, key.KeyID)
		}
		item := intoto.Step{
			Type:            "step",
			PubKeys:         ids,
			ExpectedCommand: s.Command,
			Threshold:       s.Threshold,
			SupplyChainItem: intoto.SupplyChainItem{
				Name:              s.Name,
				ExpectedMaterials: s.Materials,
				ExpectedProducts:  s.Products,
			},
		}
		if c.Certificate != nil && c.Certificate.Step == s.Name {
			item.CertificateConstraints = []intoto.CertificateConstraint{c.Certificate.Constraint}
			made.RootCas = p.authorities(c.Certificate.Roots)
			made.IntermediateCas = p.authorities(c.Certificate.Intermediates)
		}
		made.Steps = append(made.Steps, item)
	}
	return made
}

func (p plan) sign(payload any, format string, signers []string, ids string) intoto.Metadata {
	var made intoto.Metadata = &intoto.Metablock{Signed: payload}
	if format == "dsse" {
		envelope := &intoto.Envelope{}
		check(envelope.SetPayload(payload))
		made = envelope
	}
	for _, name := range signers {
		check(made.Sign(p.key(name, ids, true)))
	}
	return made
}

func (p plan) makeEvidence(folder string, items []evidence, c testCase) {
	check(os.MkdirAll(folder, 0o755))
	for _, item := range items {
		if item.Run {
			p.record(folder, item, c)
			continue
		}
		var payload any
		if item.Layout != nil {
			payload = p.layout(*item.Layout, c)
		} else {
			payload = intoto.Link{
				Type:        "link",
				Name:        item.Step,
				Materials:   item.Link.Materials,
				Products:    item.Link.Products,
				ByProducts:  item.Link.Byproducts,
				Command:     item.Link.Command,
				Environment: item.Link.Environment,
			}
		}
		made := p.sign(payload, c.LinkFormat, item.By, c.Ids)
		for _, name := range item.By {
			id := p.key(name, c.Ids, false).KeyID
			check(made.Dump(filepath.Join(folder, fmt.Sprintf(intoto.LinkNameFormat, item.Step, id))))
			if item.Layout != nil {
				p.makeEvidence(filepath.Join(folder, fmt.Sprintf(intoto.SublayoutLinkDirFormat, item.Step, id)), item.Evidence, c)
			}
		}
	}
}

func (p plan) record(folder string, item evidence, c testCase) {
	key := p.key(item.By[0], c.Ids, true)
	place, err := os.MkdirTemp("", "stemma-in-toto-go-")
	check(err)
	defer os.RemoveAll(place)
	before, err := os.Getwd()
	check(err)
	check(os.Chdir(place))
	defer os.Chdir(before)
	here, hashes, dsse := []string{"."}, []string{"sha256"}, c.LinkFormat == "dsse"
	var made intoto.Metadata
	if len(item.Link.Command) > 0 {
		made, err = intoto.InTotoRun(item.Step, "", here, here, item.Link.Command, key, hashes, nil, nil, false, false, dsse)
		check(err)
	} else {
		begun, err := intoto.InTotoRecordStart(item.Step, here, key, hashes, nil, nil, false, false, dsse)
		check(err)
		check(os.WriteFile("f", []byte("1"), 0o644))
		made, err = intoto.InTotoRecordStop(begun, here, key, hashes, nil, nil, false, false, dsse)
		check(err)
	}
	check(made.Dump(filepath.Join(folder, fmt.Sprintf(intoto.LinkNameFormat, item.Step, key.KeyID))))
}

func (p plan) makeAll(folder string) {
	for _, c := range p.Cases {
		if _, without := c.Without["go makes"]; without {
			continue
		}
		to := filepath.Join(folder, c.Folder)
		p.makeEvidence(to, c.Evidence, c.testCase)
		signers := c.Signers
		if len(signers) == 0 {
			signers = c.Owners
		}
		made := p.sign(p.layout(c.Layout, c.testCase), c.LayoutFormat, signers, c.Ids)
		check(made.Dump(filepath.Join(to, "root.layout")))
	}
}

func (p plan) verify(folder string, c testCase) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("panic: %v", found)
		}
	}()
	owners := map[string]intoto.Key{}
	for _, name := range c.Owners {
		key := p.key(name, c.Ids, false)
		owners[key.KeyID] = key
	}
	layout, err := intoto.LoadMetadata(filepath.Join(folder, "root.layout"))
	if err != nil {
		return err
	}
	_, err = intoto.InTotoVerify(layout, owners, folder, "", c.Parameters, nil, false)
	return err
}

func (p plan) verifyAll(folder string) {
	for _, c := range p.Cases {
		from := filepath.Join(folder, c.Folder)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		why := ""
		if err := p.verify(from, c.testCase); err != nil {
			why = err.Error()
		}
		line, err := json.Marshal(map[string]any{"name": c.Name, "ok": why == "", "why": why})
		check(err)
		// The library prints warnings too.
		fmt.Printf("\nRESULT %s\n", line)
	}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func writePem(path string, kind string, data []byte) {
	check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
}

func makeAuthority(folder string, name string, serial int64, parent *authority) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name + ".example.com"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	signer := &authority{template, key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, key.Public(), signer.key)
	check(err)
	writePem(filepath.Join(folder, name+".crt"), "CERTIFICATE", der)
	made, err := x509.ParseCertificate(der)
	check(err)
	return &authority{made, key}
}

func makeLeaf(folder string, name string, serial int64, until time.Duration, by *authority) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	uri, err := url.Parse("spiffe://example.com/carl")
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: "carl.example.com", Organization: []string{"Example"}},
		DNSNames:              []string{"carl.example.com"},
		EmailAddresses:        []string{"carl@example.com"},
		URIs:                  []*url.URL{uri},
		NotBefore:             time.Now().Add(-2 * time.Hour),
		NotAfter:              time.Now().Add(until),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		// What Go verifies for when it is not told what for.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, public, by.key)
	check(err)
	writePem(filepath.Join(folder, name+".crt"), "CERTIFICATE", der)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	writePem(filepath.Join(folder, name+".pem"), "PRIVATE KEY", private)
}

// root → intermediate → leaf and late, which has expired; other → stranger.
func makeCertificates(folder string) {
	check(os.MkdirAll(folder, 0o755))
	root := makeAuthority(folder, "root", 1, nil)
	other := makeAuthority(folder, "other", 2, nil)
	intermediate := makeAuthority(folder, "intermediate", 3, root)
	makeLeaf(folder, "leaf", 4, time.Hour, intermediate)
	makeLeaf(folder, "late", 5, -time.Hour, intermediate)
	makeLeaf(folder, "stranger", 6, time.Hour, other)
}

// The plan and the folder, for whoever changes to another folder.
func absolute(arguments []string) (plan, string) {
	file, err := filepath.Abs(arguments[0])
	check(err)
	folder, err := filepath.Abs(arguments[1])
	check(err)
	return readPlan(file), folder
}

func main() {
	switch arguments := os.Args[1:]; arguments[0] {
	case "make":
		read, folder := absolute(arguments[1:])
		read.makeAll(folder)
	case "verify":
		read, folder := absolute(arguments[1:])
		// Inspections write their links to where they run.
		empty, err := os.MkdirTemp("", "stemma-in-toto-go-")
		check(err)
		defer os.RemoveAll(empty)
		check(os.Chdir(empty))
		read.verifyAll(folder)
	case "certificates":
		makeCertificates(arguments[1])
	default:
		fmt.Fprintln(os.Stderr, "make PLAN FOLDER, verify PLAN FOLDER, or certificates FOLDER")
		os.Exit(2)
	}
}
