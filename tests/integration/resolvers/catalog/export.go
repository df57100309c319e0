package catalog

// ValidateV1CRDCompatibility is what the catalog operator asks before it updates a CRD.
var ValidateV1CRDCompatibility = validateV1CRDCompatibility
