-- Tenancy management of the council's landlord. Wall clock of London, without zone.
CREATE SCHEMA tenancies;
CREATE TABLE tenancies.property (
  property_ref varchar(12) PRIMARY KEY,
  house_number varchar(40) NOT NULL,
  street_name varchar(80) NOT NULL,
  town varchar(40) NOT NULL,
  postcode varchar(9) NOT NULL,
  scheme varchar(7) NOT NULL
);
CREATE TABLE tenancies.tenancy (
  tenancy_no varchar(12) PRIMARY KEY,
  property_ref varchar(12) NOT NULL REFERENCES tenancies.property,
  started date NOT NULL,
  ended date
);
CREATE TABLE tenancies.occupant (
  occupant_no varchar(12) PRIMARY KEY,
  tenancy_no varchar(12) NOT NULL REFERENCES tenancies.tenancy,
  title varchar(6),
  first_name varchar(60) NOT NULL,
  last_name varchar(60) NOT NULL,
  middle_initial char(1),
  born date,
  is_tenant boolean NOT NULL,
  keep_private boolean NOT NULL,
  moved_in date NOT NULL
);
CREATE TABLE tenancies.account_entry (
  tenancy_no varchar(12) NOT NULL REFERENCES tenancies.tenancy,
  entry_no integer NOT NULL,
  occupant_no varchar(12) NOT NULL REFERENCES tenancies.occupant,
  entry_code varchar(6) NOT NULL,
  entered timestamp NOT NULL,
  balance numeric(8,2) NOT NULL,
  PRIMARY KEY (tenancy_no, entry_no)
);
CREATE TABLE tenancies.complaint (
  complaint_no varchar(12) PRIMARY KEY,
  occupant_no varchar(12) NOT NULL REFERENCES tenancies.occupant,
  received timestamp NOT NULL,
  category varchar(6) NOT NULL,
  description text
);
CREATE TABLE tenancies.sightline_heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
