# What people do with the AWS command line.
set -eu
command -v aws >/dev/null && aws --version >/dev/null 2>&1 || { echo SKIPPED; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir -p tree/sub
echo hello >tree/a.txt
echo world >tree/sub/b.txt
head -c 20000000 /dev/urandom >tree/big.bin
aws s3 mb s3://cli-bucket
aws s3 cp tree/a.txt "s3://cli-bucket/dir/a b.txt"
aws s3 ls s3://cli-bucket/ | grep -q 'PRE dir/'
aws s3 ls s3://cli-bucket/dir/ | grep -q 'a b.txt'
aws s3 sync tree s3://cli-bucket/tree --only-show-errors
aws s3 sync s3://cli-bucket/tree back --only-show-errors
diff -r tree back
aws s3 cp "s3://cli-bucket/dir/a b.txt" - | grep -q hello
url=$(aws s3 presign "s3://cli-bucket/dir/a b.txt")
curl -sf "$url" | grep -q hello
aws s3 mv s3://cli-bucket/tree/a.txt s3://cli-bucket/moved.txt --only-show-errors
aws s3 ls s3://cli-bucket --recursive --summarize | grep -q 'Total Objects: 4'
! aws s3 rb s3://cli-bucket 2>/dev/null
aws s3 rm s3://cli-bucket --recursive --only-show-errors
aws s3 rb s3://cli-bucket
