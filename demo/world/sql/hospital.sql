-- Patient administration of the hospital trust and its community services. Times carry their zone.
CREATE SCHEMA pas;
CREATE TABLE pas.patient (
  patient_no varchar(12) PRIMARY KEY,
  nhs_no char(10),
  given_name varchar(60) NOT NULL,
  other_names varchar(80),
  family_name varchar(60) NOT NULL,
  birth_date date,
  ethnic_code char(1),
  sensitive_flag char(1) NOT NULL,
  registered_at timestamptz NOT NULL
);
CREATE TABLE pas.patient_address (
  patient_no varchar(12) NOT NULL REFERENCES pas.patient,
  valid_from date NOT NULL,
  line_1 varchar(140),
  line_2 varchar(40),
  post_code varchar(9),
  place_type varchar(2) NOT NULL,
  valid_to date,
  PRIMARY KEY (patient_no, valid_from)
);
CREATE TABLE pas.attendance (
  attendance_no varchar(12) PRIMARY KEY,
  patient_no varchar(12) NOT NULL REFERENCES pas.patient,
  arrived_at timestamptz NOT NULL,
  complaint varchar(6) NOT NULL,
  triage smallint NOT NULL,
  clinical_note text,
  entered_at timestamptz NOT NULL
);
CREATE TABLE pas.appointment (
  appointment_no varchar(12) PRIMARY KEY,
  patient_no varchar(12) NOT NULL REFERENCES pas.patient,
  due_at timestamptz NOT NULL,
  clinic varchar(6) NOT NULL,
  status varchar(3) NOT NULL,
  entered_at timestamptz NOT NULL
);
CREATE TABLE pas.mh_contact (
  contact_no varchar(12) PRIMARY KEY,
  patient_no varchar(12) NOT NULL REFERENCES pas.patient,
  seen_at timestamptz NOT NULL,
  service varchar(6) NOT NULL,
  note text,
  entered_at timestamptz NOT NULL
);
CREATE TABLE pas.access_log (
  -- rows by patient_no, accessed_at
  patient_no varchar(12) NOT NULL,
  accessed_at timestamptz NOT NULL,
  reason varchar(20)
);
ALTER TABLE pas.access_log REPLICA IDENTITY FULL;
CREATE TABLE pas.sightline_heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
